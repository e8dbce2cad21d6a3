import type { JsonObject } from '#core/call.ts';
import { answerHeaders } from '#pipeline/answer-headers.ts';
import { wholeAnswer, type Answer } from '#pipeline/answer.ts';
import { clientGone } from '#pipeline/http-attempt.ts';
import type { Passage } from '#pipeline/passage.ts';
import type { HeaderList } from '#core/head.ts';

const keepAliveMs = 15_000;

/**
 * What is answered to a request: one message, or, once something is said before it, a stream of events whose last one waits for the
 * receipt.
 */
export class Reply {
  readonly #passage: Passage;
  readonly #gone = new AbortController();
  #timer: NodeJS.Timeout | null = null;
  #begun = false;

  constructor(passage: Passage) {
    this.#passage = passage;
    passage.exchange.inbound.onGone(() => this.#gone.abort());
  }

  /** Aborted when the client hangs up. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  get begun(): boolean {
    return this.#begun;
  }

  begin(): void {
    if (this.#begun || this.#gone.signal.aborted) return;
    this.#begun = true;
    const { exchange, gateway } = this.#passage;
    exchange.status = 200;
    exchange.firstContentAtMs = gateway.clock.nowMs();
    // https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering
    const own = ['content-type', 'text/event-stream', 'cache-control', 'no-store', 'x-accel-buffering', 'no'];
    exchange.inbound.begin(200, answerHeaders(this.#passage, 200, own));
    this.#timer = setInterval(() => exchange.inbound.write(': \n\n'), keepAliveMs).unref();
  }

  say(message: JsonObject): void {
    if (this.#gone.signal.aborted) return;
    this.begin();
    this.#passage.exchange.inbound.write(eventOf(message));
  }

  /** The last message. `null`: there is none. */
  end(message: JsonObject | null, status: number, headers: HeaderList = []): Answer {
    if (this.#timer) clearInterval(this.#timer);
    const { exchange } = this.#passage;
    const { inbound } = exchange;
    if (this.#gone.signal.aborted) return clientGone(exchange);
    if (this.#begun) {
      const last = message === null ? '' : eventOf(message);
      return {
        heldBytes: Buffer.byteLength(last),
        release() {
          if (last !== '') inbound.write(last);
          inbound.end(true);
        },
        abandon: () => inbound.end(false),
      };
    }
    if (message === null) return wholeAnswer(this.#passage, { status, headers, body: null });
    const own = ['content-type', 'application/json', ...headers];
    return wholeAnswer(this.#passage, { status, headers: own, body: JSON.stringify(message) });
  }
}

const eventOf = (message: JsonObject): string => `event: message\ndata: ${JSON.stringify(message)}\n\n`;
