/** Copies under way, over reloads. */
export class Mirrors {
  /** By group. */
  readonly #running = new Map<string, number>();

  running(group: string): number {
    return this.#running.get(group) ?? 0;
  }

  began(group: string): void {
    this.#running.set(group, this.running(group) + 1);
  }

  ended(group: string): void {
    this.#running.set(group, this.running(group) - 1);
  }
}
