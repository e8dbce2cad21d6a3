import { advance, isContent, newStreamState, type AnswerEvent, type StreamState } from '#core/answer.ts';
import type { ClientSide, EventReader, RenderContext } from '#core/contracts/dialect.ts';
import type { Framing } from '#core/contracts/framing.ts';
import type { AnswerStage } from '#core/contracts/policy.ts';
import { Fault, faultFrom } from '#core/fault.ts';
import { sealEvent } from '#core/opaque-state.ts';
import { serverSentEvents } from '#core/sse.ts';
import type { SseEvent } from '#core/sse-event.ts';
import type { Usage } from '#core/usage.ts';
import type { AnswerStream } from './answer-stream.ts';
import { Tally } from './tally.ts';

/** An event that is not complete after this much is not an event. */
const maxEventBytes = 16 * 1024 * 1024;

export interface TransformSettings {
  readonly reader: EventReader;
  /** The provider's. */
  readonly framing: Framing;
  readonly client: ClientSide;
  readonly context: RenderContext;
  readonly stages: readonly AnswerStage[];
  /** Client and provider speak the same dialect: an event nobody changed keeps its bytes. */
  readonly sameDialect: boolean;
  /** Name of the provider, by which its state is marked on the way into another dialect. */
  readonly provider: string;
  /** See ProviderSide.withoutUsage; null when the client asked for usage, too. */
  readonly withoutUsage: ((data: string) => string | null) | null;
  /** May another target go on with it, should it be cut short? */
  readonly mayGoOn: boolean;
  /** Where the client's stream stands, when this is the rest of it. */
  readonly state?: StreamState;
}

const serverSent = ({ name, data }: SseEvent): string => `${name ? `event: ${name}\n` : ''}data: ${data}\n\n`;

/** Events are parsed, go through the policies that read answers, and are rendered in the client's dialect. */
export class TransformStream implements AnswerStream {
  readonly state: StreamState;
  readonly tally = new Tally();
  usage: Usage | null = null;
  hasContent = false;
  ended = false;
  cut: AnswerStream['cut'] = null;
  isPaid: AnswerStream['isPaid'] = null;
  fault: Fault | null = null;

  readonly #settings: TransformSettings;
  #partial: Buffer | null = null;
  #hasCr = false;
  #out = '';
  #kept = '';

  constructor(settings: TransformSettings) {
    this.#settings = settings;
    this.state = settings.state ?? newStreamState();
  }

  push(arrived: Buffer): Buffer | string | null {
    if (this.ended || this.fault) return null;
    this.#guard(() => this.#read(arrived));
    return this.#flush();
  }

  #read(arrived: Buffer): void {
    const { framing } = this.#settings;
    const chunk = this.#partial ? Buffer.concat([this.#partial, arrived]) : arrived;
    this.#partial = null;
    const text = chunk.toString('latin1');
    if (!this.#hasCr && text.includes('\r')) this.#hasCr = true;
    let at = 0;
    while (!this.ended) {
      const end = framing.endOf(text, at, this.#hasCr);
      if (end < 0) break;
      this.#take(chunk.toString(framing.encoding, at, end));
      at = end;
      if (this.isPaid !== null && !this.isPaid()) break;
    }
    if (!this.ended && at < chunk.length) {
      this.#partial = Buffer.from(chunk.subarray(at));
      if (this.#partial.length > maxEventBytes) {
        throw new Fault(
          'upstream/malformed-answer',
          `An event of the stream is over ${maxEventBytes} bytes long.`,
        );
      }
    }
  }

  finish(): Buffer | string | null {
    const { closing, encoding } = this.#settings.framing;
    const last = closing === null ? '' : (this.#partial?.toString(encoding) ?? '');
    this.#partial = null;
    this.#guard(() => {
      if (last.trim() !== '' && !this.ended && !this.fault) this.#take(last + closing);
      if (this.ended || this.fault) return;
      const owed = this.#seal(this.#settings.reader.finish());
      // What is cut short is left open where another target may go on with it.
      const isCut = this.state.finished.size === 0 && !owed.some(({ type }) => type === 'end');
      if (isCut && this.#settings.mayGoOn) return;
      for (const event of owed) this.#give(event, this.#through(event));
      for (const event of this.#remainders()) this.#render(event);
    });
    return this.#flush();
  }

  stop(): Buffer | string | null {
    this.#partial = null;
    this.#guard(() => {
      for (const event of this.#remainders()) this.#render(event);
    });
    return this.#flush();
  }

  rest(): Buffer | string | null {
    return this.#kept === '' ? null : this.#wire(this.#kept);
  }

  #wire(text: string): Buffer | string {
    return this.#settings.client.streamEncoding === 'latin1' ? Buffer.from(text, 'latin1') : text;
  }

  /** What was rendered before something failed still goes out. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (thrown) {
      this.fault = faultFrom(thrown);
    }
  }

  #flush(): Buffer | string | null {
    const out = this.#out;
    this.#out = '';
    return out === '' ? null : this.#wire(out);
  }

  #take(raw: string): void {
    const { reader, framing, client, sameDialect, withoutUsage } = this.#settings;
    const parsed = framing.parse(raw);
    if (parsed.data === '' && parsed.name === '') {
      // A comment keeps connections alive in any dialect whose streams are events, too.
      if (
        (sameDialect && !framing.linked && !framing.wraps) ||
        (framing === serverSentEvents && !client.streamType)
      )
        this.#out += raw;
      return;
    }
    const events = this.#seal(reader.read(parsed));
    if (this.#settings.stages.length === 0 && (!sameDialect || framing.linked || client.repeats)) {
      for (const event of events) if (event.type === 'fault') throw event.fault;
      for (const event of events) {
        this.#count(event);
        this.#render(event);
      }
      return;
    }
    const results = events.map((event) => this.#through(event));
    const untouched = results.every((result, i) => result.length === 1 && result[0] === events[i]);
    if (!sameDialect || !untouched || framing.linked || client.repeats) {
      events.forEach((event, i) => this.#give(event, results[i]!));
      return;
    }
    for (const event of events) this.#follow(event);
    let shown = framing.wraps ? serverSent(parsed) : raw;
    if (withoutUsage && raw.includes('"usage"')) {
      const data = withoutUsage(parsed.data);
      if (data === null) return;
      if (data !== parsed.data) shown = serverSent({ ...parsed, data });
    }
    if (this.ended) this.#kept += shown;
    else this.#out += shown;
  }

  #seal(events: AnswerEvent[]): AnswerEvent[] {
    const { sameDialect, provider } = this.#settings;
    return sameDialect ? events : events.map((event) => sealEvent(event, provider));
  }

  #through(event: AnswerEvent): readonly AnswerEvent[] {
    if (event.type === 'fault') throw event.fault;
    const before: AnswerEvent[] = [];
    // What a policy still holds belongs before the finish, or before the end where there was none.
    if (event.type === 'finish' || event.type === 'end') before.push(...this.#remainders());
    let events: readonly AnswerEvent[] = [event];
    for (const stage of this.#settings.stages)
      events = events.flatMap((e) => stage.onEvent(e) as AnswerEvent[]);
    return before.length ? [...before, ...events] : events;
  }

  #remainders(): AnswerEvent[] {
    let events: AnswerEvent[] = [];
    for (const stage of this.#settings.stages) {
      events = [...events.flatMap((e) => stage.onEvent(e) as AnswerEvent[]), ...stage.onEnd()];
    }
    return events;
  }

  /** What came counts as used; what results is what the client sees. */
  #give(came: AnswerEvent, results: readonly AnswerEvent[]): void {
    this.#count(came);
    for (const event of results) this.#render(event);
  }

  #count(came: AnswerEvent): void {
    if (came.type === 'usage') this.usage = came.usage;
    else if (came.type === 'delta') this.tally.add(came.text);
    else if (came.type === 'block-start' && came.name) this.tally.add(came.name);
  }

  #render(event: AnswerEvent): void {
    if (this.ended) return;
    const { client, context } = this.#settings;
    if (event.type === 'cut') {
      this.cut = { outcome: event.outcome };
      this.ended = true;
      this.hasContent = true;
      this.#kept += client.renderEnding({ reason: event.reason, usage: this.usage }, this.state, context);
      return;
    }
    const text = client.renderEvent(event, this.state, context);
    this.#mark(event);
    if (event.type === 'end') this.#kept += text;
    else this.#out += text;
  }

  /** An event that passes as it came. */
  #follow(event: AnswerEvent): void {
    this.#count(event);
    this.#mark(event);
  }

  #mark(event: AnswerEvent): void {
    advance(this.state, event);
    if (event.type === 'end') this.ended = true;
    if (isContent(event)) this.hasContent = true;
  }
}
