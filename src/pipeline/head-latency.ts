const kept = 128;
const enough = 20;
const renewedEvery = 16;

/** How long the latest answers took to begin. */
export class HeadLatency {
  readonly #latest = new Float64Array(kept);
  #seen = 0;
  #p95 = 0;
  #countedAt = 0;

  record(ms: number): void {
    this.#latest[this.#seen++ % kept] = ms;
  }

  /** Milliseconds within which 19 of 20 began; null as long as too few are known. */
  get p95Ms(): number | null {
    if (this.#seen < enough) return null;
    if (this.#countedAt === 0 || this.#seen - this.#countedAt >= renewedEvery) {
      this.#countedAt = this.#seen;
      const sorted = this.#latest.slice(0, Math.min(kept, this.#seen)).sort();
      this.#p95 = sorted[Math.ceil(sorted.length * 0.95) - 1]!;
    }
    return this.#p95;
  }
}
