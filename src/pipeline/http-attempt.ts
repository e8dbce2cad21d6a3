import type {
  RawSocket,
  Upstream,
  UpstreamCall,
  UpstreamRequest,
  UpstreamSink,
} from '#core/contracts/upstream.ts';
import type { AttemptRecord } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import { nothingLeft, type Answer } from './answer.ts';
import { answerHeaders } from './answer-headers.ts';
import { responseHeaders } from './forward-headers.ts';
import type { Passage } from './passage.ts';
import { outcomeOf } from './refuse.ts';
import { openWebSocket } from './websocket/open-websocket.ts';

/** One request of an http route under way. The last bytes wait for the receipt. */
export class HttpAttempt implements UpstreamSink {
  readonly #passage: Passage;
  readonly #record: AttemptRecord;
  #call: UpstreamCall | null = null;
  #begun = false;
  #over = false;
  /** Bytes of body still to come, where a length was announced. */
  #left = -1;
  #last: Buffer | null = null;
  #resolve!: (answer: Answer) => void;
  #reject!: (fault: Fault) => void;

  constructor(passage: Passage, record: AttemptRecord) {
    this.#passage = passage;
    this.#record = record;
  }

  run(upstream: Upstream, request: UpstreamRequest): Promise<Answer> {
    const { exchange } = this.#passage;
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      exchange.inbound.onGone(() => this.#clientGone());
      if (this.#over) return;
      this.#record.work = 'unknown';
      this.#call = upstream.start(request, this);
    });
  }

  onInterim(status: number, headers: HeaderList): void {
    this.#passage.exchange.inbound.interim(status, responseHeaders(headers));
  }

  onHead(status: number, headers: HeaderList): void {
    const { exchange } = this.#passage;
    this.#record.status = status;
    this.#record.work = 'begun';
    exchange.status = status;
    exchange.firstContentAtMs = this.#passage.gateway.clock.nowMs();
    const length = headerOf(headers, 'content-length');
    const bodiless = exchange.head.method === 'HEAD' || status === 204 || status === 304;
    if (length !== undefined && !bodiless) this.#left = Number(length);
    this.#begun = true;
    exchange.inbound.begin(status, answerHeaders(this.#passage, status, responseHeaders(headers)));
    exchange.inbound.onDrain(() => this.#call?.resume());
  }

  onData(chunk: Buffer): void {
    if (this.#over) return;
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
    this.#over = true;
    this.#record.work = 'finished';
    const { inbound } = this.#passage.exchange;
    this.#resolve({
      release: () => {
        if (this.#last) inbound.write(this.#last);
        inbound.end(true, trailers);
      },
      abandon: () => inbound.end(false),
    });
  }

  onFault(fault: Fault): void {
    if (this.#over) return;
    this.#over = true;
    this.#record.fault = fault;
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
    const upstream = { socket, firstBytes };
    const fault = openWebSocket(this.#passage, this.#record, { headers, upstream }, () => {
      this.#over = true;
      this.#resolve(nothingLeft);
    });
    if (!fault) return;
    socket.destroy();
    this.onFault(fault);
  }

  #clientGone(): void {
    if (this.#over) return;
    this.#over = true;
    this.#call?.cancel();
    const { exchange } = this.#passage;
    exchange.outcome = 'client_gone';
    exchange.fault = new Fault('client/gone', 'The client hung up before its answer was complete.');
    this.#resolve(nothingLeft);
  }
}
