import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Script } from './script.ts';

export type CallEnd =
  | 'running'
  | 'complete'
  | 'refused'
  | 'client-gone'
  | 'reset'
  | 'closed'
  | 'hung-up'
  | 'stalled'
  | 'error-frame';

/** What the simulator saw and served in one call; live while the call runs. */
export interface SimulatedCall {
  /** The response's id for model calls (`chatcmpl-sim-3`), `call-3` otherwise. */
  id: string;
  number: number;
  exchangeId: string | null;
  /** `plain` for what is no vendor's. */
  vendor: string;
  method: string;
  path: string;
  model: string | null;
  /** Null, like `body`, once a thousand later calls have come. */
  requestHeaders: IncomingHttpHeaders | null;
  body: unknown;
  bodyBytes: number;
  script: Script;
  startedAtMs: number;
  endedAtMs: number | null;
  /** 0 until the status line is sent. */
  status: number;
  stream: boolean;
  /** Content chunks handed to the socket (streams only). */
  chunks: number;
  promptTokens: number;
  /** Tokens made until the end or until the client left; all choices together, reasoning included. */
  tokensGenerated: number;
  /** What was reported, in the vendor's words, as far as it was sent; null if nothing was. */
  usage: Record<string, unknown> | null;
  finished: CallEnd;
  /** When the client was found to have left before the end, epoch milliseconds. */
  clientGoneAtMs: number | null;
}

const KEPT_CALLS = 100_000;
const KEPT_BODIES = 1_000;

/** A bounded record of calls: the oldest are dropped, and bodies before whole records. */
export class CallLog {
  #calls: SimulatedCall[] = [];
  #lastNumber = 0;

  open(request: IncomingMessage, path: string): SimulatedCall {
    const exchangeId = request.headers['x-sluice-exchange'];
    const call: SimulatedCall = {
      id: `call-${++this.#lastNumber}`,
      number: this.#lastNumber,
      exchangeId: typeof exchangeId === 'string' ? exchangeId : null,
      vendor: 'plain',
      method: request.method ?? '',
      path,
      model: null,
      requestHeaders: request.headers,
      body: null,
      bodyBytes: 0,
      script: {},
      startedAtMs: Date.now(),
      endedAtMs: null,
      status: 0,
      stream: false,
      chunks: 0,
      promptTokens: 0,
      tokensGenerated: 0,
      usage: null,
      finished: 'running',
      clientGoneAtMs: null,
    };
    this.#calls.push(call);
    const old = this.#calls[this.#calls.length - 1 - KEPT_BODIES];
    if (old) {
      old.body = null;
      old.requestHeaders = null;
    }
    // Dropping in batches keeps the cost of a full ring constant per call.
    if (this.#calls.length > KEPT_CALLS * 1.1) this.#calls = this.#calls.slice(-KEPT_CALLS);
    return call;
  }

  /** Calls with a number above `since`, oldest first. */
  list(since = 0): SimulatedCall[] {
    return since > 0 ? this.#calls.filter((call) => call.number > since) : this.#calls.slice();
  }

  /** Forgets all calls. Numbers go on, so that ids are never given twice. */
  clear(): void {
    this.#calls = [];
  }
}
