import type { Conversation } from '#core/call.ts';
import type { EventReader } from '#core/contracts/dialect.ts';
import type { AnswerStage } from '#core/contracts/policy.ts';
import { estimateTokens } from '#core/contracts/token-counter.ts';
import type { Fault } from '#core/fault.ts';
import type { Usage } from '#core/usage.ts';
import type { Answer } from './answer.ts';
import { ContinuedReader } from './continued-reader.ts';
import type { ModelCall } from './model-call.ts';
import type { Passage } from './passage.ts';
import type { StreamDelivery } from './stream-delivery.ts';

/** A longer answer is not gone on with: all of it would have to be sent again. */
const mostBytes = 256 * 1024;

/** What the next target is asked, after what was delivered. */
const request =
  'Your answer above was cut off. Go on with it exactly where it stops: repeat nothing of it, and say nothing about this.';

/**
 * One answer to a client, made by several targets: when the stream of one breaks off, the next is asked to go on from what was
 * delivered. Only where the model says so, and only for plain text: a half-made tool call, structured output, several answers and
 * thinking under way are not gone on with.
 */
export class Continuation {
  delivery: StreamDelivery | null = null;
  /** Of the text block that the client has open, or had last. */
  #text = '';
  #reader: ContinuedReader | null = null;

  /** Has the client been given something that another target must go on from? */
  get begun(): boolean {
    return this.delivery?.begun ?? false;
  }

  /** Notes what is delivered. Last of a stream's stages. */
  readonly stage: AnswerStage = {
    onEvent: (event) => {
      if (event.type === 'delta') this.#text += event.text;
      return [event];
    },
    onEnd: () => [],
  };

  mayGoOn({ exchange, route }: Passage, call: ModelCall): boolean {
    if (!this.delivery || exchange.inbound.gone || route.openAnswer.length > 0) return false;
    const { state, cut } = this.delivery.stream;
    const isPlain = state.begun.every(({ kind }) => kind === 'text' || kind === 'reasoning');
    const isOpen = state.open.every(({ kind }) => kind === 'text');
    if (!isPlain || !isOpen || cut !== null || state.finished.size > 0) return false;
    if (this.#text === '' || this.#text.length > mostBytes || call.brief.choices > 1) return false;
    return call.conversation().outputFormat === null;
  }

  /** The call that the next target gets. */
  conversation(call: ModelCall): Conversation {
    const conversation = call.conversation();
    const { turns, maxOutputTokens } = conversation;
    const used = estimateTokens(Buffer.byteLength(this.#text));
    return {
      ...conversation,
      turns: [
        ...turns,
        { role: 'assistant', parts: [{ type: 'text', text: this.#text }] },
        { role: 'user', parts: [{ type: 'text', text: request }] },
      ],
      maxOutputTokens: maxOutputTokens === null ? null : Math.max(1, maxOutputTokens - used),
    };
  }

  /** Reads the next target's stream as what is missing of the client's. */
  reader(inner: EventReader): EventReader {
    const { state, usage } = this.delivery!.stream;
    this.#reader = new ContinuedReader(inner, { state, said: this.#text, usage });
    return this.#reader;
  }

  /** What the target under way used by its own word, without what it was sent for the second time. */
  get ownUsage(): Usage | null {
    const usage = this.#reader?.ownUsage ?? null;
    return usage && { ...usage, lines: usage.lines.filter(({ direction }) => direction === 'output') };
  }

  /** Nobody can go on. */
  fail(fault: Fault): Answer {
    return this.delivery!.fail(fault);
  }
}
