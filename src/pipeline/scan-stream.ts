import { advance, isContent, newStreamState, type AnswerEvent } from '#core/answer.ts';
import type { EventReader } from '#core/contracts/dialect.ts';
import { faultFrom, type Fault } from '#core/fault.ts';
import type { Framing } from '#core/contracts/framing.ts';
import { serverSentEvents } from '#core/sse.ts';
import type { Usage } from '#core/usage.ts';
import type { AnswerStream } from './answer-stream.ts';
import { learnTemplate, matchTemplate, type DeltaTemplate } from './delta-template.ts';
import { Tally } from './tally.ts';

/** Events between two attempts at learning a template, after one that led to nothing. */
const maxPatience = 256;

/**
 * Same dialect on both sides, and no policy reads the answer: bytes pass, in whole events, and are understood just enough
 * to count them, to know where the stream stands, and to hold back its terminal event.
 */
export class ScanStream implements AnswerStream {
  readonly state = newStreamState();
  readonly tally = new Tally();
  readonly cut = null;
  isPaid: AnswerStream['isPaid'] = null;
  usage: Usage | null = null;
  hasContent = false;
  ended = false;
  fault: Fault | null = null;

  readonly #reader: EventReader;
  readonly #framing: Framing;
  /** Takes out of an event's data what the gateway alone had asked for; null when the client asked for it, too. */
  readonly #withoutUsage: ((data: string) => string | null) | null;
  #partial: Buffer | null = null;
  #kept: Buffer[] = [];
  #hasCr = false;
  #template: DeltaTemplate | null = null;
  #templateHits = 0;
  #patience = 1;
  #untilLearning = 0;

  constructor(
    reader: EventReader,
    withoutUsage: ((data: string) => string | null) | null,
    framing: Framing = serverSentEvents,
  ) {
    this.#reader = reader;
    this.#withoutUsage = withoutUsage;
    this.#framing = framing;
  }

  push(arrived: Buffer): Buffer | null {
    if (this.fault) return null;
    const chunk = this.#partial ? Buffer.concat([this.#partial, arrived]) : arrived;
    this.#partial = null;
    if (this.ended) {
      this.#kept.push(Buffer.from(chunk));
      return null;
    }
    const text = chunk.toString('latin1');
    if (!this.#hasCr && text.includes('\r')) this.#hasCr = true;

    let at = 0;
    /** Everything before this has been put into `pieces`, or left out. */
    let copied = 0;
    let pieces: Buffer[] | null = null;
    const { isPaid } = this;
    while (at < text.length) {
      const template = this.#template;
      if (template) {
        const textEnd = matchTemplate(text, at, template);
        if (textEnd >= 0) {
          this.#templateHits++;
          const textStart = at + template.prefix.length;
          this.tally.addEscaped(chunk, textStart, textEnd);
          if (textEnd > textStart) this.hasContent = true;
          const end = textEnd + template.suffix.length;
          if (template.shown) {
            (pieces ??= []).push(
              chunk.subarray(copied, textEnd),
              Buffer.from(template.shown.suffix, 'latin1'),
            );
            copied = end;
          }
          at = end;
          if (isPaid !== null && !isPaid()) break;
          continue;
        }
      }
      const end = this.#endOf(text, at);
      if (end < 0) break;
      const shown = this.#understand(text.slice(at, end), chunk.toString(this.#framing.encoding, at, end));
      if (this.ended || this.fault) break;
      if (shown !== null) {
        (pieces ??= []).push(chunk.subarray(copied, at), Buffer.from(shown, 'utf8'));
        copied = end;
      }
      at = end;
      if (isPaid !== null && !isPaid()) break;
    }
    if (at < chunk.length) {
      // A copy, so that a few bytes do not hold on to a whole read.
      const remainder = Buffer.from(chunk.subarray(at));
      if (this.ended) this.#kept.push(remainder);
      else if (!this.fault) this.#partial = remainder;
    }
    if (!pieces) return at === 0 ? null : chunk.subarray(0, at);
    if (at > copied) pieces.push(chunk.subarray(copied, at));
    const joined = Buffer.concat(pieces);
    return joined.length ? joined : null;
  }

  finish(): Buffer | null {
    // A last event without its blank line is dropped by every SSE parser, but its usage counts.
    const last = this.#partial;
    this.#partial = null;
    if (this.ended || this.fault) return null;
    const { closing, encoding } = this.#framing;
    const text = closing === null ? '' : (last?.toString(encoding) ?? '');
    if (text.trim() !== '') this.#understand(null, text + closing);
    if (!this.ended && !this.fault) for (const event of this.#reader.finish()) this.#follow(event);
    if (this.ended && last) this.#kept.push(last);
    return this.ended || this.fault ? null : last;
  }

  stop(): null {
    this.#partial = null;
    return null;
  }

  /** Below 0 as well when what comes is no frame, and never will be. */
  #endOf(text: string, from: number): number {
    try {
      return this.#framing.endOf(text, from, this.#hasCr);
    } catch (thrown) {
      this.fault = faultFrom(thrown);
      return -1;
    }
  }

  rest(): Buffer | null {
    return this.#kept.length ? Buffer.concat(this.#kept) : null;
  }

  /** Returns what the client is to see instead of the event, or null to let it pass as it is. */
  #understand(raw: string | null, event: string): string | null {
    let answerEvents: AnswerEvent[];
    try {
      const parsed = this.#framing.parse(event);
      if (parsed.data === '' && parsed.name === '') return null;
      answerEvents = this.#reader.read(parsed);
    } catch (thrown) {
      this.fault = faultFrom(thrown);
      return null;
    }
    let usageCame = false;
    for (const answerEvent of answerEvents) {
      this.#follow(answerEvent);
      if (answerEvent.type === 'usage') usageCame = true;
    }
    if (raw !== null) this.#learn(raw, answerEvents);
    if (!this.#withoutUsage || (!usageCame && !event.includes('"usage"'))) return null;
    return this.#show(event);
  }

  #show(event: string): string | null {
    const { data } = this.#framing.parse(event);
    const shown = this.#withoutUsage!(data);
    if (shown === null) return '';
    if (shown === data) return null;
    return event.includes(data)
      ? event.replace(data, () => shown)
      : `data: ${shown.replaceAll('\n', '\ndata: ')}\n\n`;
  }

  #follow(event: AnswerEvent): void {
    advance(this.state, event);
    if (isContent(event)) this.hasContent = true;
    switch (event.type) {
      case 'delta':
        this.tally.add(event.text);
        return;
      case 'block-start':
        if (event.name) this.tally.add(event.name);
        return;
      case 'usage':
        this.usage = event.usage;
        return;
      case 'end':
        this.ended = true;
        return;
      case 'fault':
        this.fault = event.fault;
        return;
      default:
        return;
    }
  }

  #learn(raw: string, events: readonly AnswerEvent[]): void {
    const only = events[0];
    if (events.length !== 1 || only?.type !== 'delta' || only.text === '' || this.#hasCr) return;
    if (this.#framing !== serverSentEvents) return;
    if (this.#untilLearning > 0) {
      this.#untilLearning--;
      return;
    }
    // A template that never fitted was not worth its cost: wait longer before the next.
    if (this.#template && this.#templateHits === 0)
      this.#patience = Math.min(this.#patience * 2, maxPatience);
    else this.#patience = 1;
    this.#untilLearning = this.#patience;
    this.#templateHits = 0;
    const show =
      this.#withoutUsage && raw.includes('"usage"') ? (event: string) => this.#show(event) ?? event : null;
    this.#template = learnTemplate(raw, only, this.#reader, show);
  }
}
