const most = 1000;

/** What policies keep in a thread over reloads, by name. Bounded: what was longest not asked for goes first. */
export class KeptParts {
  readonly #kept = new Map<string, unknown>();

  readonly keep = <T>(name: string, make: () => T): T => {
    const part = this.#kept.has(name) ? (this.#kept.get(name) as T) : make();
    this.#kept.delete(name);
    this.#kept.set(name, part);
    if (this.#kept.size > most) this.#kept.delete(this.#kept.keys().next().value!);
    return part;
  };
}
