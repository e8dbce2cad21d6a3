/**
 * Results of a sliding window, in panes of a tenth of it each: a result counts until its pane is ten panes old. In words
 * of shared memory, changed under their member's lock: the number of the newest pane, then total, failures and slow ones
 * of each pane.
 */
export const panes = 10;
const classes = 3;
export const windowWords = 1 + panes * classes;

export interface WindowSums {
  readonly total: number;
  readonly failures: number;
  readonly slow: number;
}

export interface WindowResult {
  readonly failure: boolean;
  readonly slow: boolean;
}

/** A window of words from `at` on. */
export class SlidingWindow {
  readonly #words: Float64Array;
  readonly #at: number;

  constructor(words: Float64Array, at: number) {
    this.#words = words;
    this.#at = at;
  }

  add(result: WindowResult, windowMs: number, nowMs: number): void {
    const pane = this.#advance(windowMs, nowMs);
    const words = this.#words;
    words[pane]!++;
    if (result.failure) words[pane + 1]!++;
    if (result.slow) words[pane + 2]!++;
  }

  sums(windowMs: number, nowMs: number): WindowSums {
    this.#advance(windowMs, nowMs);
    const words = this.#words;
    let total = 0;
    let failures = 0;
    let slow = 0;
    for (let i = this.#at + 1; i < this.#at + windowWords; i += classes) {
      total += words[i]!;
      failures += words[i + 1]!;
      slow += words[i + 2]!;
    }
    return { total, failures, slow };
  }

  clear(): void {
    this.#words.fill(0, this.#at, this.#at + windowWords);
  }

  /** Clears what has grown too old; word of the pane that is now. A clock set back, or another span, begins anew. */
  #advance(windowMs: number, nowMs: number): number {
    const words = this.#words;
    const newest = words[this.#at]!;
    const now = Math.floor(nowMs / Math.max(1, windowMs / panes));
    if (now !== newest) {
      const behind = now - newest;
      if (behind < 0 || behind >= panes) this.clear();
      else for (let i = newest + 1; i <= now; i++) words.fill(0, this.#pane(i), this.#pane(i) + classes);
      words[this.#at] = now;
    }
    return this.#pane(now);
  }

  #pane(number: number): number {
    return this.#at + 1 + (number % panes) * classes;
  }
}
