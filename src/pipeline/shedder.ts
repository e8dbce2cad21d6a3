import { Fault } from '#core/fault.ts';
import type { SheddingRules } from '#core/snapshot.ts';

const highest = 9;
/** Of one sample: full pressure is reached after half a second of twice the allowed delay, and gone after 2.5 s. */
const rise = 0.1;
const fall = 0.02;

/**
 * Refuses exchanges of a thread that is behind with its work, the less important first. Its pressure, from 0 to 1, grows
 * while the event loop's delay is above the bound, the faster the more it is, and falls slowly once it is not: so the
 * load comes back by and by, instead of all at once.
 */
export class Shedder {
  rules: SheddingRules | null;
  #pressure = 0;
  readonly #chance: () => number;

  constructor(rules: SheddingRules | null, chance: () => number = Math.random) {
    this.rules = rules;
    this.#chance = chance;
  }

  get pressure(): number {
    return this.#pressure;
  }

  /** The delay of the event loop, measured about every 50 ms. */
  observe(lagMs: number): void {
    const { rules } = this;
    if (rules === null) {
      this.#pressure = 0;
      return;
    }
    const excess = Math.min(1, (lagMs - rules.lagMs) / rules.lagMs);
    const step = excess > 0 ? rise * Math.max(0.1, excess) : -fall;
    this.#pressure = Math.min(1, Math.max(0, this.#pressure + step));
  }

  /**
   * @param priority From 1 to 9.
   * @throws Fault `gateway/overloaded`.
   */
  admit(priority: number): void {
    if (this.#pressure === 0 || this.#chance() >= refusalShare(this.#pressure, priority)) return;
    const seconds = this.rules?.retryAfterS ?? 1;
    throw new Fault('gateway/overloaded', `The gateway is behind with its work. Come back in ${seconds} s.`, {
      headers: ['retry-after', String(seconds)],
    });
  }
}

/**
 * Which share of the exchanges of a priority is refused: begins at 0 at no pressure for the lowest one, later for each
 * higher one, and is whole half the range after that. The highest one is refused in part only, and last.
 */
export function refusalShare(pressure: number, priority: number): number {
  return Math.min(1, Math.max(0, 2 * pressure - (2 * (priority - 1)) / (highest + 1)));
}
