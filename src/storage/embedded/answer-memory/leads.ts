import type { Lead } from '#core/contracts/answer-cache.ts';
import { digestOf, leadPlaces, type Layout } from './layout.ts';

/** After an answer that is not to be kept, nobody waits for the next one of that key for so long. */
const vainS = 5;

/** Who makes what is not there: one caller for each key in all threads, as far as keys do not share a place. */
export class Leads {
  readonly #layout: Pick<Layout, 'leads' | 'vain'>;
  readonly #nowMs: () => number;

  constructor(layout: Pick<Layout, 'leads' | 'vain'>, nowMs: () => number) {
    this.#layout = layout;
    this.#nowMs = nowMs;
  }

  lead(key: string): Lead | null {
    const place = placeOf(key);
    const { leads } = this.#layout;
    const holder = 1 + Math.floor(Math.random() * 0x7ffffffe);
    if (Atomics.compareExchange(leads, place, 0, holder) !== 0) return null;
    return {
      end: (vain) => {
        if (vain) Atomics.store(this.#layout.vain, place, Math.floor(this.#nowMs() / 1000) + vainS);
        // Taken over meanwhile: it is somebody else's.
        if (Atomics.compareExchange(leads, place, holder, 0) === holder) Atomics.notify(leads, place);
      },
    };
  }

  isVain(key: string): boolean {
    return Atomics.load(this.#layout.vain, placeOf(key)) > this.#nowMs() / 1000;
  }

  /** Whoever has not ended in that time may be dead: the place is free then. */
  async settled(key: string, withinMs: number): Promise<void> {
    const place = placeOf(key);
    const { leads } = this.#layout;
    const holder = Atomics.load(leads, place);
    if (holder === 0) return;
    const { async, value } = Atomics.waitAsync(leads, place, holder, withinMs);
    const end = async ? await value : value;
    if (end !== 'timed-out') return;
    if (Atomics.compareExchange(leads, place, holder, 0) === holder) Atomics.notify(leads, place);
  }
}

const placeOf = (key: string): number => digestOf(key).readUInt32LE(4) % leadPlaces;
