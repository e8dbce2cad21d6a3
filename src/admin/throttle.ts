import type { AdminRate } from '#core/admin-access.ts';

/** Who was not heard of longest makes room. */
const mostSubjects = 10_000;

interface Bucket {
  level: number;
  atMs: number;
}

/** A bucket for each subject, full in the beginning, refilled evenly. */
export class Throttle {
  readonly #buckets = new Map<string, Bucket>();
  readonly #rate: () => AdminRate;

  constructor(rate: () => AdminRate) {
    this.#rate = rate;
  }

  /** Takes one, and tells 0; or takes none, and tells how many seconds there will be none. */
  take(subject: string, nowMs: number): number {
    const bucket = this.#bucketOf(subject, nowMs);
    const waitS = this.#waitOf(bucket);
    if (waitS > 0) return waitS;
    bucket.level -= 1;
    this.#buckets.delete(subject);
    this.#buckets.set(subject, bucket);
    if (this.#buckets.size > mostSubjects) this.#buckets.delete(this.#buckets.keys().next().value!);
    return 0;
  }

  /** Would tell the same as `take`. */
  waitOf(subject: string, nowMs: number): number {
    return this.#waitOf(this.#bucketOf(subject, nowMs));
  }

  #bucketOf(subject: string, nowMs: number): Bucket {
    const { amount, windowMs } = this.#rate();
    const known = this.#buckets.get(subject);
    if (!known) return { level: amount, atMs: nowMs };
    known.level = Math.min(amount, known.level + (Math.max(0, nowMs - known.atMs) * amount) / windowMs);
    known.atMs = nowMs;
    return known;
  }

  #waitOf({ level }: Bucket): number {
    const { amount, windowMs } = this.#rate();
    return level >= 1 ? 0 : Math.ceil(((1 - level) * windowMs) / amount / 1000);
  }
}
