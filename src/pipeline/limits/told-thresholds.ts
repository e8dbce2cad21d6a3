const mostTold = 10_000;

/** Told by this thread already; which, is no more than a saving: an event has one id, whoever tells it. */
export class ToldThresholds {
  readonly #told = new Set<string>();

  /** True the first time, as far as is remembered. */
  note(id: string): boolean {
    if (this.#told.has(id)) return false;
    if (this.#told.size >= mostTold) this.#told.clear();
    this.#told.add(id);
    return true;
  }
}
