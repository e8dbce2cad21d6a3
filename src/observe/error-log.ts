import type { Clock } from '#core/contracts/clock.ts';
import type { Failing } from '#core/contracts/observer.ts';
import { Fault } from '#core/fault.ts';
import { LineAllowance } from './line-allowance.ts';

/** Bugs, as JSON lines with their stack; so many a second at most, the rest counted on the next line. */
export class ErrorLog {
  readonly #write: (line: string) => void;
  readonly #clock: Clock;
  readonly #allowance: LineAllowance;

  constructor(write: (line: string) => void, clock: Clock) {
    this.#write = write;
    this.#clock = clock;
    this.#allowance = new LineAllowance(clock);
  }

  record(exchange: Failing, thrown: unknown): void {
    const suppressed = this.#allowance.take();
    if (suppressed === null) return;
    const error = errorOf(thrown);
    const line = {
      level: 50,
      time: new Date(this.#clock.nowMs()).toISOString(),
      exchange: exchange.id,
      trace_id: exchange.trace?.traceId,
      route: exchange.routeName,
      error: error.name,
      message: error.message,
      stack: error.stack,
      suppressed: suppressed || undefined,
    };
    this.#write(`${JSON.stringify(line)}\n`);
  }
}

/** What lies behind a fault says where it is; the fault itself only what the caller is told. */
function errorOf(thrown: unknown): Error {
  if (thrown instanceof Fault && thrown.cause instanceof Error) return thrown.cause;
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
