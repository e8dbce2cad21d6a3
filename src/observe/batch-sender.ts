/** What became of a batch. */
export type Sent =
  /** Taken, but for so many that the receiver would not have. */
  | { readonly result: 'taken'; readonly rejected?: number }
  /** Not now: it may be sent again. */
  | { readonly result: 'again'; readonly afterMs?: number | null }
  /** Never. */
  | { readonly result: 'refused' };

export interface SenderSettings<T> {
  readonly name: string;
  /** So much may wait, by `weigh`. */
  readonly room: number;
  /** So much goes into one batch; one item goes whatever it weighs. */
  readonly batch: number;
  weigh(item: T): number;
  /** So long items are gathered. */
  readonly everyMs: number;
  /** Never rejects. */
  send(items: readonly T[]): Promise<Sent>;
}

const tries = 6;
const firstWaitMs = 1000;
const longestWaitMs = 30_000;
const closeWithinMs = 2000;

/**
 * Items on their way to a place that may be slow, or away: bounded, sent in batches one after the other, tried again for half a
 * minute. What there is no room for, what is given up and what is refused is counted, and nobody waits for it.
 */
export class BatchSender<T> {
  readonly #settings: SenderSettings<T>;
  readonly #waiting: T[] = [];
  #weight = 0;
  #timer: NodeJS.Timeout | null = null;
  #isSending = false;
  #isClosing = false;
  #idle: (() => void) | null = null;
  /** Ends a wait before another try. */
  #goOn: (() => void) | null = null;
  sent = 0;
  dropped = 0;
  failures = 0;

  constructor(settings: SenderSettings<T>) {
    this.#settings = settings;
  }

  get name(): string {
    return this.#settings.name;
  }

  /** Items that wait, those that are under way among them. */
  get waiting(): number {
    return this.#waiting.length;
  }

  add(item: T): void {
    const weight = this.#settings.weigh(item);
    if (this.#isClosing || this.#weight + weight > this.#settings.room) {
      this.dropped++;
      return;
    }
    this.#waiting.push(item);
    this.#weight += weight;
    if (this.#isSending) return;
    if (this.#weight >= this.#settings.batch) this.#wake(0);
    else if (!this.#timer) this.#wake(this.#settings.everyMs);
  }

  /** Sends what waits; what cannot be sent within two seconds is dropped. */
  async close(): Promise<void> {
    this.#isClosing = true;
    if (this.#waiting.length > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#idle = resolve;
      const deadline = setTimeout(resolve, closeWithinMs);
      if (this.#isSending) this.#goOn?.();
      else void this.#run();
      await promise;
      clearTimeout(deadline);
    }
    if (this.#timer) clearTimeout(this.#timer);
    this.dropped += this.#waiting.length;
    this.#waiting.length = 0;
  }

  #wake(ms: number): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#run(), ms).unref();
  }

  async #run(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#isSending = true;
    while (this.#waiting.length > 0) {
      const count = this.#nextBatch();
      const items = this.#waiting.slice(0, count);
      await this.#deliver(items);
      if (this.#waiting.length === 0) break;
      for (const item of items) this.#weight -= this.#settings.weigh(item);
      this.#waiting.splice(0, count);
    }
    this.#isSending = false;
    this.#idle?.();
  }

  #nextBatch(): number {
    const { batch, weigh } = this.#settings;
    let count = 0;
    let weight = 0;
    while (count < this.#waiting.length) {
      weight += weigh(this.#waiting[count]!);
      if (count > 0 && weight > batch) break;
      count++;
    }
    return count;
  }

  async #wait(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#goOn = resolve;
    const timer = setTimeout(resolve, ms).unref();
    await promise;
    clearTimeout(timer);
    this.#goOn = null;
  }

  async #deliver(items: readonly T[]): Promise<void> {
    let waitMs = firstWaitMs;
    for (let left = tries; ; left--) {
      const sent = await this.#settings.send(items);
      if (sent.result === 'taken') {
        this.sent += items.length - (sent.rejected ?? 0);
        this.dropped += sent.rejected ?? 0;
        return;
      }
      this.failures++;
      if (sent.result === 'refused' || left === 1 || this.#isClosing) break;
      await this.#wait(Math.min(sent.afterMs ?? waitMs, longestWaitMs));
      waitMs *= 2;
    }
    this.dropped += items.length;
  }
}
