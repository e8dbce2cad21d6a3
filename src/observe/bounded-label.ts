/**
 * Values of a label that callers or operators can multiply: the first `limit` distinct ones keep their name, later
 * ones are all `other`, so that memory and scrapes stay bounded.
 */
export class BoundedLabel {
  readonly #known = new Set<string>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** `admit` false: a value not yet known is not learnt from this call. */
  of(value: string, admit = true): string {
    if (this.#known.has(value)) return value;
    if (!admit || this.#known.size >= this.#limit) return 'other';
    this.#known.add(value);
    return value;
  }
}
