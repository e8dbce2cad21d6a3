const firstMs = 200;
const longestMs = 5_000;

/** How long to wait between tries: longer each time, and not all nodes at once. */
export class Pauses {
  #nextMs = firstMs;

  next(): number {
    const pauseMs = this.#nextMs * (0.5 + Math.random() / 2);
    this.#nextMs = Math.min(this.#nextMs * 2, longestMs);
    return pauseMs;
  }

  reset(): void {
    this.#nextMs = firstMs;
  }
}
