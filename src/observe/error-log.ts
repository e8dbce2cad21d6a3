import type { Clock } from '#core/contracts/clock.ts';
import type { Exchange } from '#core/exchange.ts';

const perSecond = 10;

/** Bugs, as JSON lines with their stack; so many a second at most, the rest counted on the next line. */
export class ErrorLog {
  readonly #write: (line: string) => void;
  readonly #clock: Clock;
  #windowEndsMs = 0;
  #left = 0;
  #suppressed = 0;

  constructor(write: (line: string) => void, clock: Clock) {
    this.#write = write;
    this.#clock = clock;
  }

  record(
    exchange: Pick<Exchange, 'id' | 'routeName'> & { readonly trace: { readonly traceId: string } | null },
    thrown: unknown,
  ): void {
    const now = this.#clock.monotonicMs();
    if (now >= this.#windowEndsMs) {
      this.#windowEndsMs = now + 1000;
      this.#left = perSecond;
    }
    if (this.#left === 0) {
      this.#suppressed++;
      return;
    }
    this.#left--;
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const line = {
      level: 50,
      time: new Date(this.#clock.nowMs()).toISOString(),
      exchange: exchange.id,
      trace_id: exchange.trace?.traceId,
      route: exchange.routeName,
      error: error.name,
      message: error.message,
      stack: error.stack,
      suppressed: this.#suppressed || undefined,
    };
    this.#suppressed = 0;
    this.#write(`${JSON.stringify(line)}\n`);
  }
}
