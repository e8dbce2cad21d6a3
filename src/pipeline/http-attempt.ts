import type {
  RawSocket,
  Upstream,
  UpstreamCall,
  UpstreamRequest,
  UpstreamSink,
} from '#core/contracts/upstream.ts';
import type { AttemptRecord, Exchange } from '#core/exchange.ts';
import { Fault, faultFrom } from '#core/fault.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import type { HttpRoute } from '#core/snapshot.ts';
import type { Usage } from '#core/usage.ts';
import { nothingLeft, wholeAnswer, type Answer } from './answer.ts';
import { isStored, type AnswerIntake, type StoredAnswer } from '#core/contracts/answer-intake.ts';
import { giveStored } from './stored/give-stored.ts';
import { answerHeaders } from './answer-headers.ts';
import { neverLeft } from './attempt-result.ts';
import { encodeAnswer } from './encode-answer.ts';
import { EncodedBody } from './encoded-body.ts';
import { responseHeaders } from './forward-headers.ts';
import { graphqlUsage } from './graphql/graphql-usage.ts';
import { judgedAnswer, type JudgedAnswer } from './judged-answer.ts';
import { MeterTap } from './meter-tap.ts';
import type { Passage } from './passage.ts';
import { outcomeOf } from './refuse.ts';
import { RewrittenAnswer } from './rewrite-answer.ts';
import { openWebSocket } from './websocket/open-websocket.ts';

/** Whoever makes the attempts of an exchange. */
export interface HeadJudge {
  /** An answer begins: is it the one the client gets? If not, the attempt is over, and the answer is thrown away. */
  accepts(attempt: HttpAttempt, status: number, headers: HeaderList): boolean;
}

/** So much of an answer that nobody gets is read, so that its connection can be used again. */
const discardBytes = 64 * 1024;

/** One request of an http route under way. The last bytes wait for the receipt. */
export class HttpAttempt implements UpstreamSink {
  readonly #passage: Passage;
  readonly record: AttemptRecord;
  readonly #judge: HeadJudge;
  #timer: NodeJS.Timeout | null = null;
  readonly #tap: MeterTap | null;
  #discarded = 0;
  /** Bytes that its body may have, and has had so far; undefined: any number, and nobody counts. */
  #most: number | undefined;
  #came = 0;
  #call: UpstreamCall | null = null;
  #begun = false;
  #over = false;
  /** Bytes of body still to come, where a length was announced. */
  #left = -1;
  #last: Buffer | null = null;
  /** The head of an answer without a body. */
  #empty: { readonly status: number; readonly headers: HeaderList } | null = null;
  /** Where a policy makes another answer of it, with the headers of its own. */
  #rewritten: RewrittenAnswer | null = null;
  /** Where a policy gives the answer another form. */
  #encoded: EncodedBody | null = null;
  #trailers: HeaderList = [];
  /** Whoever keeps what comes; null: nobody does. */
  #intake: AnswerIntake | null = null;
  /** Its headers, without those of the connection. */
  #own: string[] = [];
  /** Where policies judge it. */
  #judged: JudgedAnswer | null = null;
  /** Its head, while it waits for that. */
  #waiting: { readonly status: number; readonly headers: HeaderList } | null = null;
  #resolve!: (answer: Answer | null) => void;
  #reject!: (fault: Fault) => void;

  constructor(passage: Passage, record: AttemptRecord, judge: HeadJudge) {
    this.#passage = passage;
    this.record = record;
    this.#judge = judge;
    const { meter } = passage.route;
    this.#tap = meter && new MeterTap({ meter, asked: passage.metered ?? {} });
  }

  /**
   * Null when its answer was not accepted, or it was cancelled.
   * @param deadlineMs Until the head of the answer; 0 is unlimited.
   * @throws Fault when nothing came that could be delivered.
   */
  run(upstream: Upstream, request: UpstreamRequest, deadlineMs: number): Promise<Answer | null> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.record.work = 'unknown';
      if (deadlineMs > 0) this.#timer = setTimeout(() => this.#late(deadlineMs), deadlineMs);
      this.#call = upstream.start(request, this);
    });
  }

  /** What its answer says was used, once it is over; null where that is not billed. */
  get usage(): Usage | null {
    const { exchange } = this.#passage;
    const { startedAtMs, endedAtMs } = this.record;
    const answered = this.#tap?.usage(exchange.requestBytes, endedAtMs - startedAtMs) ?? null;
    return exchange.graphql ? graphqlUsage(this.#passage, this.record, answered) : answered;
  }

  /** Another attempt has answered. */
  cancel(): void {
    if (this.#over) return;
    this.#end();
    this.#call?.cancel();
    this.#resolve(null);
  }

  onInterim(status: number, headers: HeaderList): void {
    if (!this.#over) this.#passage.exchange.inbound.interim(status, responseHeaders(headers));
  }

  onHead(status: number, headers: HeaderList): void {
    const { exchange } = this.#passage;
    this.#clearTimer();
    this.record.status = status;
    this.record.work = 'begun';
    if (!this.#judge.accepts(this, status, headers)) {
      this.#end();
      this.#resolve(null);
      return;
    }
    const length = headerOf(headers, 'content-length');
    const bodiless = exchange.head.method === 'HEAD' || status === 204 || status === 304;
    this.#most = exchange.maxAnswerBytes;
    if (this.#most !== undefined && !bodiless && Number(length) > this.#most)
      return this.#tooLarge(this.#most);
    this.#own = responseHeaders(headers);
    if (exchange.intake) {
      const taken = exchange.intake.onHead(status, this.#own);
      if (isStored(taken)) return this.#replace(taken);
      this.#intake = exchange.intake;
      this.#own = [...taken];
    }
    const unsaid = this.#tap?.begin(status, headers);
    if (unsaid) return this.#unbilled(unsaid);
    try {
      this.#judged = judgedAnswer(this.#passage, status, headers);
    } catch (thrown) {
      this.#call?.cancel();
      return this.onFault(faultFrom(thrown));
    }
    if (this.#judged?.holds) this.#waiting = { status, headers };
    else this.#giveHead(status, headers);
  }

  #giveHead(status: number, headers: HeaderList): void {
    const { exchange } = this.#passage;
    const own = this.#own;
    const length = headerOf(headers, 'content-length');
    const bodiless = exchange.head.method === 'HEAD' || status === 204 || status === 304;
    exchange.status = status;
    exchange.firstContentAtMs = this.#passage.gateway.clock.nowMs();
    if (length !== undefined && !bodiless) this.#left = Number(length);
    if (exchange.attempts.length > 1) own.push('x-sluice-attempts', String(exchange.attempts.length));
    let given: HeaderList;
    try {
      if (!bodiless && this.#passage.route.rewriteAnswer.length > 0) {
        this.#rewritten = RewrittenAnswer.open(this.#passage, status, headers);
        if (this.#rewritten) return;
      }
      given = answerHeaders(this.#passage, status, own);
    } catch (thrown) {
      this.#call?.cancel();
      return this.onFault(faultFrom(thrown));
    }
    this.#begun = true;
    if (length === '0' && !bodiless) {
      // There is nothing to be given but the end, which waits for the receipt; in gRPC it must come with the head.
      this.#empty = { status, headers: given.filter((_, i) => given[i - (i % 2)] !== 'content-length') };
      return;
    }
    exchange.inbound.begin(status, this.#encode(status, given));
    exchange.inbound.onDrain(() => (this.#encoded ?? this.#call)?.resume());
  }

  /** The client gets what was kept; what the upstream still sends is thrown away. */
  #replace(stored: StoredAnswer): void {
    this.record.work = 'finished';
    this.#end();
    try {
      this.#resolve(giveStored(this.#passage, stored));
    } catch (thrown) {
      this.#reject(faultFrom(thrown));
    }
  }

  /** The headers to send. */
  #encode(status: number, headers: HeaderList): HeaderList {
    if (this.#passage.route.encodeAnswer.length === 0) return headers;
    const length = headerOf(headers, 'content-length');
    const lengthBytes = length === undefined ? null : Number(length);
    const encoded = encodeAnswer(this.#passage, { status, headers, lengthBytes });
    if (!encoded) return headers;
    if (encoded.open) {
      this.#left = -1;
      this.#encoded = new EncodedBody(encoded.open, {
        inbound: this.#passage.exchange.inbound,
        onDrain: () => this.#call?.resume(),
        onEnd: () => this.#complete(),
        onError: (error) => this.#encoderFailed(error),
      });
    }
    return encoded.headers;
  }

  #encoderFailed(error: Error): void {
    this.#call?.cancel();
    this.#passage.gateway.observer.failed(this.#passage.exchange, error);
    this.onFault(new Fault('policy/failed', 'The answer could not be encoded.', { cause: error }));
  }

  onData(chunk: Buffer): void {
    if (this.#over) {
      this.#discarded += chunk.length;
      if (this.#discarded > discardBytes) this.#call?.cancel();
      return;
    }
    if (this.#most !== undefined && (this.#came += chunk.length) > this.#most)
      return this.#tooLarge(this.#most);
    this.#tap?.take(chunk);
    this.#intake?.onData(chunk);
    if (this.#judged) {
      try {
        this.#judged.take(chunk);
      } catch (thrown) {
        this.#call?.cancel();
        return this.onFault(faultFrom(thrown));
      }
      if (this.#waiting) return;
    }
    this.#give(chunk);
  }

  #give(chunk: Buffer): void {
    if (this.#rewritten) {
      if (!this.#rewritten.take(chunk)) this.#tooLarge(this.#rewritten.maxBytes);
      return;
    }
    if (this.#encoded) {
      if (!this.#encoded.write(chunk)) this.#call?.pause();
      return;
    }
    if (this.#left >= 0) {
      this.#left -= chunk.length;
      if (this.#left <= 0) {
        this.#last = Buffer.from(chunk);
        return;
      }
    }
    if (!this.#passage.exchange.inbound.write(chunk)) this.#call?.pause();
  }

  onEnd(trailers: HeaderList): void {
    if (this.#over) return;
    this.record.work = 'finished';
    const unsaid = this.#tap?.end();
    if (unsaid) return this.#unbilled(unsaid);
    this.#trailers = trailers;
    if (this.#judged && !this.#giveJudged(this.#judged)) return;
    this.#intake?.onEnd(true);
    if (this.#rewritten) return this.#rewrite(this.#rewritten);
    if (this.#encoded) this.#encoded.end();
    else this.#complete();
  }

  /** Nothing of it has been given: what fails here is an error of its own. */
  #rewrite(rewritten: RewrittenAnswer): void {
    try {
      const answer = wholeAnswer(this.#passage, { ...rewritten.finish(this.#own), trailers: this.#trailers });
      this.#over = true;
      this.#resolve(answer);
    } catch (thrown) {
      this.onFault(faultFrom(thrown));
    }
  }

  /** False: it is refused. */
  #giveJudged(judged: JudgedAnswer): boolean {
    try {
      const body = judged.end();
      if (!this.#waiting) return true;
      const { status, headers } = this.#waiting;
      this.#waiting = null;
      this.#giveHead(status, headers);
      if (body && body.length > 0 && !this.#over) this.#give(body);
      return !this.#over;
    } catch (thrown) {
      this.onFault(faultFrom(thrown));
      return false;
    }
  }

  #complete(): void {
    this.#over = true;
    const { inbound } = this.#passage.exchange;
    const empty = this.#empty;
    if (empty) {
      const { id } = this.#passage.exchange;
      return this.#resolve({
        release: () => inbound.respond(empty.status, empty.headers, null),
        abandon: () => inbound.respond(503, ['retry-after', '5', 'x-sluice-exchange', id], null),
      });
    }
    this.#resolve({
      heldBytes: this.#last?.length ?? 0,
      release: () => {
        if (this.#last) inbound.write(this.#last);
        inbound.end(true, this.#trailers);
      },
      abandon: () => inbound.end(false),
    });
  }

  onFault(fault: Fault): void {
    if (this.#over) return;
    this.#end();
    if (this.#begun) this.#judged?.breakOff();
    this.record.fault = fault;
    this.#intake?.onEnd(false);
    if (neverLeft(fault)) this.record.work = 'none';
    if (!this.#begun) {
      this.#reject(fault);
      return;
    }
    const { exchange } = this.#passage;
    exchange.fault = fault;
    exchange.outcome = outcomeOf(fault);
    // Cut, so that nobody takes what came for the whole.
    const cut = () => exchange.inbound.end(false);
    this.#resolve({ release: cut, abandon: cut });
  }

  onUpgrade(headers: HeaderList, socket: RawSocket, firstBytes: Buffer): void {
    this.#clearTimer();
    const upstream = { socket, firstBytes };
    const rules = this.#passage.route.route as HttpRoute;
    const onOver = () => {
      this.#over = true;
      this.#resolve(nothingLeft);
    };
    const fault = openWebSocket(this.#passage, this.record, { headers, upstream }, { rules, onOver });
    if (!fault) return;
    socket.destroy();
    this.onFault(fault);
  }

  /** The client hung up: nothing more is to be said. */
  abandon(): void {
    if (this.#over) return;
    this.#end();
    this.#call?.cancel();
    this.#intake?.onEnd(false);
    this.#resolve(clientGone(this.#passage.exchange));
  }

  /** Refused where nothing of it was delivered, else cut. */
  #tooLarge(most: number): void {
    this.#call?.cancel();
    const message = `The answer of ${this.record.provider} is larger than the ${most} bytes allowed.`;
    this.onFault(new Fault('upstream/answer-too-large', message));
  }

  /** As of `#tooLarge`. */
  #unbilled(unit: string): void {
    this.#call?.cancel();
    const message = `The answer of ${this.record.provider} does not say how many ${unit} it is about, and is not given away unbilled.`;
    this.onFault(new Fault('upstream/usage-missing', message));
  }

  #late(afterMs: number): void {
    if (this.#over) return;
    this.#call?.cancel();
    const message = `${this.record.provider} did not begin to answer within ${Math.round(afterMs)} ms (retries).`;
    this.onFault(new Fault('upstream/header-timeout', message));
  }

  #end(): void {
    this.#over = true;
    this.#encoded?.destroy();
    this.#clearTimer();
  }

  #clearTimer(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

export function clientGone(exchange: Exchange): Answer {
  exchange.outcome = 'client_gone';
  exchange.fault = new Fault('client/gone', 'The client hung up before its answer was complete.');
  return nothingLeft;
}
