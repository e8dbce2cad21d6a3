import type { RenderContext } from '#core/contracts/dialect.ts';
import type { TokenPace } from '#core/contracts/observer.ts';
import { estimateTokens } from '#core/contracts/token-counter.ts';
import { Fault } from '#core/fault.ts';
import type { HeaderList } from '#core/head.ts';
import type { Usage } from '#core/usage.ts';
import type { Answer } from './answer.ts';
import { answerHeaders } from './answer-headers.ts';
import type { AnswerStream } from './answer-stream.ts';
import type { ModelCall } from './model-call.ts';
import type { Passage } from './passage.ts';
import { faultEvent, outcomeOf } from './refuse.ts';

/** Limits hear of an answer's length every 256 tokens or so. */
const bytesBetweenFlows = 1024;

export interface StreamDeliveryParts {
  readonly passage: Passage;
  readonly stream: AnswerStream;
  readonly call: ModelCall;
  readonly context: RenderContext;
  readonly headers: HeaderList;
  /** Another target could still take over, so nothing goes out before there is content. */
  readonly waitsForContent: boolean;
  readonly pace: TokenPace;
  /** Of the upstream, when the client reads too slowly. */
  pause(): void;
  resume(): void;
}

/** Brings one stream to the client: begins it, keeps pace with the reader, and ends it whatever happens. */
export class StreamDelivery {
  stream: AnswerStream;
  begun = false;
  #parts: StreamDeliveryParts;
  #waiting: (Buffer | string)[] = [];
  #closed = false;
  #toldBytes = 0;
  /** Of the streams before this one. */
  #earlierBytes = 0;
  #pieces = 0;
  /** When content last came; null: none has, or the client kept it waiting. */
  #cameAtMs: number | null = null;
  #isHeld = false;

  constructor(parts: StreamDeliveryParts) {
    this.#parts = parts;
    this.stream = parts.stream;
  }

  /** The rest of the answer comes by another stream. */
  goOn(stream: AnswerStream, of: Pick<StreamDeliveryParts, 'pause' | 'resume' | 'pace'>): void {
    this.#earlierBytes += this.stream.tally.bytes;
    this.#toldBytes = 0;
    this.#pieces = 0;
    this.stream = stream;
    this.#parts = { ...this.#parts, stream, ...of };
  }

  /** Every choice has its finish reason: what is missing is only the form of an ending. */
  get allSaid(): boolean {
    return this.stream.ended || this.stream.state.finished.size > 0;
  }

  /** @throws Fault of the stream. */
  take(chunk: Buffer): void {
    this.#deliver(this.stream.push(chunk));
    const { pieces } = this.stream.tally;
    if (pieces !== this.#pieces) this.#tellPace(pieces);
    if (this.stream.tally.bytes - this.#toldBytes >= bytesBetweenFlows) this.#tellFlows();
    if (this.stream.fault) throw this.stream.fault;
  }

  /** A client that reads slowly holds the stream up: that is no gap of the model's. */
  #tellPace(pieces: number): void {
    const nowMs = this.#parts.passage.gateway.clock.monotonicMs();
    if (this.#cameAtMs !== null) this.#parts.pace.came(pieces - this.#pieces, nowMs - this.#cameAtMs);
    else if (pieces - this.#pieces > 1) this.#parts.pace.came(pieces - this.#pieces - 1, 0);
    this.#pieces = pieces;
    this.#cameAtMs = this.#isHeld ? null : nowMs;
  }

  #tellFlows(): void {
    const { bytes } = this.stream.tally;
    this.#toldBytes = bytes;
    const tokens = estimateTokens(this.#earlierBytes + bytes);
    for (const flow of this.#parts.passage.exchange.flows) flow(tokens);
  }

  /** The upstream's body has ended. @throws Fault when it ended too early. */
  finish(): void {
    this.#deliver(this.stream.finish());
    if (this.stream.fault) throw this.stream.fault;
    if (!this.allSaid) {
      throw new Fault('upstream/closed', 'The upstream ended its stream before the answer was complete.');
    }
  }

  /** All content is delivered; what ends the stream is given on release. */
  end(): Answer {
    const { stream, call, context, passage } = this.#parts;
    if (stream.cut) passage.exchange.outcome = stream.cut.outcome;
    this.#begin();
    let rest = stream.rest();
    if (!stream.ended && rest === null) {
      const { renderEnding, streamEncoding } = call.dialect.client;
      const ending = renderEnding({ reason: 'stop', usage: stream.usage }, stream.state, context);
      rest = Buffer.from(ending, streamEncoding ?? 'utf8');
    }
    return this.#ending(rest, true);
  }

  /** Nothing is left to pay for more: the stream ends here, as its clients expect, with what was used so far. */
  endUnpaid(usage: Usage | null): Answer {
    const { call, context, passage } = this.#parts;
    this.#deliver(this.stream.stop());
    if (this.stream.fault) return this.fail(this.stream.fault);
    this.#begin();
    passage.exchange.outcome = 'budget_cut';
    const { renderEnding, streamEncoding } = call.dialect.client;
    const ending = renderEnding({ reason: 'length', usage }, this.stream.state, context);
    return this.#ending(Buffer.from(ending, streamEncoding ?? 'utf8'), true);
  }

  /** The stream has begun and cannot go on: the client is told so in its own dialect. */
  fail(fault: Fault): Answer {
    const { exchange, gateway } = this.#parts.passage;
    if (fault.code === 'policy/failed') gateway.observer.failed(exchange, fault.cause ?? fault);
    exchange.fault = fault;
    exchange.outcome = outcomeOf(fault);
    if (this.stream.unread) return this.#ending(null, false);
    return this.#ending(faultEvent(this.#parts.call, fault, exchange), true);
  }

  /** The client has gone. */
  abort(): void {
    this.#close();
  }

  #ending(rest: Buffer | string | null, complete: boolean): Answer {
    const { inbound } = this.#parts.passage.exchange;
    return {
      heldBytes: rest === null || inbound.gone ? 0 : Buffer.byteLength(rest),
      release: () => {
        if (rest !== null && rest.length > 0) inbound.write(rest);
        inbound.end(complete);
        this.#close();
      },
      abandon: () => {
        inbound.end(false);
        this.#close();
      },
    };
  }

  #deliver(bytes: Buffer | string | null): void {
    const { exchange, gateway } = this.#parts.passage;
    if (this.stream.hasContent && exchange.firstContentAtMs === null) {
      exchange.firstContentAtMs = gateway.clock.nowMs();
    }
    if (bytes === null) return;
    if (!this.begun && this.#parts.waitsForContent && !this.stream.hasContent) {
      this.#waiting.push(typeof bytes === 'string' ? bytes : Buffer.from(bytes));
      return;
    }
    this.#begin();
    if (exchange.inbound.write(bytes)) return;
    this.#isHeld = true;
    this.#parts.pause();
  }

  #begin(): void {
    if (this.begun) return;
    const { passage, headers } = this.#parts;
    const { inbound } = passage.exchange;
    const given = answerHeaders(passage, 200, headers);
    this.begun = true;
    passage.exchange.status = 200;
    inbound.begin(200, given);
    inbound.onDrain(() => {
      this.#isHeld = false;
      this.#cameAtMs = null;
      this.#parts.resume();
    });
    passage.gateway.observer.streamOpened();
    for (const bytes of this.#waiting) inbound.write(bytes);
    this.#waiting = [];
  }

  #close(): void {
    if (this.#closed || !this.begun) return;
    this.#closed = true;
    this.#parts.passage.gateway.observer.streamClosed();
  }
}
