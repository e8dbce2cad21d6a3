import type { AnswerCache, Found, Lead, NewEntry } from '#core/contracts/answer-cache.ts';
import { digestOf, layoutOf, markPlaceOf, type AnswerMemory, type Layout } from './layout.ts';
import { Leads } from './leads.ts';
import { mostMarks } from './record.ts';
import { Ring } from './ring.ts';

/** Answers in the memory that the threads of one process share. What is asked of it is answered at once. */
export class MemoryCache implements AnswerCache {
  readonly #layout: Layout;
  readonly #ring: Ring;
  readonly #leads: Leads;
  readonly #nowMs: () => number;

  constructor(memory: AnswerMemory, nowMs: () => number) {
    this.#layout = layoutOf(memory);
    this.#ring = new Ring(this.#layout);
    this.#leads = new Leads(this.#layout, nowMs);
    this.#nowMs = nowMs;
  }

  find(key: string): Found {
    const stamp = Number(Atomics.load(this.#layout.control, 1));
    const record = this.#ring.get(key);
    const isThere =
      record !== null &&
      record.untilMs > this.#nowMs() &&
      record.marks.every((mark) => Atomics.load(this.#layout.marks, mark) <= record.stamp);
    return { bytes: isThere ? record.value : null, stamp };
  }

  keep(key: string, { bytes, marks, stamp, lifetimeMs }: NewEntry): void {
    if (lifetimeMs <= 0 || marks.length > mostMarks) return;
    this.#ring.put({
      digest: digestOf(key),
      untilMs: this.#nowMs() + lifetimeMs,
      stamp,
      marks: marks.map(markPlaceOf),
      value: bytes,
    });
  }

  drop(key: string): void {
    this.#ring.drop(digestOf(key));
  }

  purge(marks: readonly string[]): void {
    const stamp = Atomics.add(this.#layout.control, 1, 1n) + 1n;
    for (const mark of marks) this.#raise(markPlaceOf(mark), stamp);
  }

  /** Of two purges at a time the later one stands. */
  #raise(place: number, stamp: bigint): void {
    const { marks } = this.#layout;
    for (let before = Atomics.load(marks, place); before < stamp;) {
      const seen = Atomics.compareExchange(marks, place, before, stamp);
      if (seen === before) return;
      before = seen;
    }
  }

  lead(key: string): Lead | null {
    return this.#leads.lead(key);
  }

  settled(key: string, withinMs: number): Promise<void> {
    return this.#leads.settled(key, withinMs);
  }

  isVain(key: string): boolean {
    return this.#leads.isVain(key);
  }
}
