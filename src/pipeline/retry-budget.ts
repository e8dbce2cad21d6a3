const seconds = 10;

/**
 * Bounds what trying again adds to a load: in any ten seconds at most `ratio` times as many retries as there were
 * requests, and `minPerSecond` × 10, of one thread. An upstream that fails everything so gets little more than it would
 * anyway, however many attempts an exchange may make.
 */
export class RetryBudget {
  readonly #ratio: number;
  readonly #least: number;
  readonly #requests = new Float64Array(seconds + 1);
  readonly #retries = new Float64Array(seconds + 1);
  #second = 0;
  #requestSum = 0;
  #retrySum = 0;

  constructor({ ratio, minPerSecond }: { readonly ratio: number; readonly minPerSecond: number }) {
    this.#ratio = ratio;
    this.#least = minPerSecond * seconds;
  }

  /** An exchange begins. */
  request(monotonicMs: number): void {
    const at = this.#advance(monotonicMs);
    this.#requests[at]!++;
    this.#requestSum++;
  }

  /** False: another attempt is not to be made. */
  withdraw(monotonicMs: number): boolean {
    const at = this.#advance(monotonicMs);
    if (this.#retrySum + 1 > this.#ratio * this.#requestSum + this.#least) return false;
    this.#retries[at]!++;
    this.#retrySum++;
    return true;
  }

  #advance(monotonicMs: number): number {
    const second = Math.floor(monotonicMs / 1000);
    const ring = seconds + 1;
    const from = Math.max(this.#second + 1, second - seconds);
    for (let each = from; each <= second; each++) {
      const at = each % ring;
      // A request's second is dropped with its retries, so that neither outlives the other.
      this.#requestSum -= this.#requests[at]!;
      this.#retrySum -= this.#retries[at]!;
      this.#requests[at] = this.#retries[at] = 0;
    }
    if (second > this.#second) this.#second = second;
    return this.#second % ring;
  }
}
