import type { Clock } from '#core/contracts/clock.ts';

const perSecond = 10;

/** So many lines a second at most; those that were left out are counted. */
export class LineAllowance {
  readonly #clock: Clock;
  #windowEndsMs = 0;
  #left = 0;
  #suppressed = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Null: not this one. Else how many were left out since the last. */
  take(): number | null {
    const now = this.#clock.monotonicMs();
    if (now >= this.#windowEndsMs) {
      this.#windowEndsMs = now + 1000;
      this.#left = perSecond;
    }
    if (this.#left === 0) {
      this.#suppressed++;
      return null;
    }
    this.#left--;
    const suppressed = this.#suppressed;
    this.#suppressed = 0;
    return suppressed;
  }
}
