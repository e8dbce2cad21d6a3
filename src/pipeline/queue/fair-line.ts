/** What decides when it is whose turn. */
export interface Standing {
  /** Whose it is: flows get shares of what is served. */
  readonly flow: string;
  /** Share of the flow, above 0. */
  readonly weight: number;
  /** Of two levels the higher one is served first. */
  readonly level: number;
  /** What serving it takes, in any unit that the whole line has in common; above 0. */
  readonly cost: number;
}

/**
 * Who is next: the highest level first, and in a level deficit round robin (Shreedhar, Varghese 1995): flows take turns, and what
 * they are served is in proportion to their weights, to within one entry, however many entries each has and how much they take.
 * Entries of a flow keep their order.
 */
export class FairLine<T extends Standing> {
  readonly #levels = new Map<number, Ring<T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(entry: T): void {
    let ring = this.#levels.get(entry.level);
    if (!ring) this.#levels.set(entry.level, (ring = new Ring()));
    ring.add(entry);
    this.#size++;
  }

  /** Whose turn it is; the same until it has been served, has left, or a higher level has an entry. */
  head(): T | null {
    if (this.#size === 0) return null;
    return this.#levels.get(Math.max(...this.#levels.keys()))!.head();
  }

  /** False: it was not there. `served`: its flow has used of its share what it takes. */
  remove(entry: T, how: 'served' | 'left'): boolean {
    const ring = this.#levels.get(entry.level);
    if (!ring?.remove(entry, how)) return false;
    if (ring.isEmpty) this.#levels.delete(entry.level);
    this.#size--;
    return true;
  }
}

interface Flow<T> {
  readonly entries: T[];
  deficit: number;
}

class Ring<T extends Standing> {
  /** In the order of their turns. */
  readonly #flows = new Map<string, Flow<T>>();
  #head: T | null = null;

  get isEmpty(): boolean {
    return this.#flows.size === 0;
  }

  add(entry: T): void {
    const flow = this.#flows.get(entry.flow);
    if (flow) flow.entries.push(entry);
    else this.#flows.set(entry.flow, { entries: [entry], deficit: 0 });
  }

  head(): T {
    return (this.#head ??= this.#choose());
  }

  remove(entry: T, how: 'served' | 'left'): boolean {
    const flow = this.#flows.get(entry.flow);
    const at = flow?.entries.indexOf(entry) ?? -1;
    if (at < 0) return false;
    flow!.entries.splice(at, 1);
    if (this.#head === entry) this.#head = null;
    if (how === 'served') flow!.deficit -= entry.cost;
    // Who has nothing to be served saves nothing up.
    if (flow!.entries.length === 0) this.#flows.delete(entry.flow);
    return true;
  }

  #choose(): T {
    const ready = this.#firstReady();
    if (ready) return ready;
    this.#skipRounds();
    for (;;) {
      // The first flow has had its turn, and comes last; each has its quantum at the beginning of its next one.
      const [name, flow] = this.#flows.entries().next().value!;
      this.#flows.delete(name);
      this.#flows.set(name, flow);
      const next = this.#flows.values().next().value!;
      next.deficit += this.#quantumOf(next);
      const found = this.#firstReady();
      if (found) return found;
    }
  }

  #firstReady(): T | null {
    const { entries, deficit } = this.#flows.values().next().value!;
    const entry = entries[0]!;
    return deficit >= entry.cost ? entry : null;
  }

  /** Rounds in which nobody would have enough, all at once. */
  #skipRounds(): void {
    let rounds = Infinity;
    for (const flow of this.#flows.values())
      rounds = Math.min(rounds, Math.ceil((flow.entries[0]!.cost - flow.deficit) / this.#quantumOf(flow)));
    if (rounds <= 1) return;
    for (const flow of this.#flows.values()) flow.deficit += (rounds - 1) * this.#quantumOf(flow);
  }

  #quantumOf({ entries }: Flow<T>): number {
    return entries[0]!.weight;
  }
}
