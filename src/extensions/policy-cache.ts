import type { Clock } from '#core/contracts/clock.ts';
import type { PolicyCache } from './policy-definition.ts';

const mostEntries = 10_000;
const mostCharacters = 8 * 1024 * 1024;
const longest = 64 * 1024;

interface Kept {
  readonly value: string;
  readonly untilMs: number;
}

/** Texts with a lifetime; what was used longest ago makes room. */
export class BoundedCache implements PolicyCache {
  readonly #clock: Clock;
  /** In the order of their last use. */
  readonly #kept = new Map<string, Kept>();
  #characters = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(key: string): string | undefined {
    const kept = this.#kept.get(key);
    if (!kept) return undefined;
    if (kept.untilMs <= this.#clock.monotonicMs()) return void this.delete(key);
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    return kept.value;
  }

  set(key: string, value: string, lifetimeMs: number): void {
    const length = `${key}`.length + `${value}`.length;
    if (length > longest)
      throw new RangeError(`cache: an entry has at most ${longest} characters, not ${length}`);
    if (!(lifetimeMs > 0)) throw new RangeError(`cache: a lifetime is above 0 ms, not ${lifetimeMs}`);
    this.delete(key);
    this.#kept.set(key, { value, untilMs: this.#clock.monotonicMs() + lifetimeMs });
    this.#characters += length;
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= mostEntries && this.#characters <= mostCharacters) break;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    const kept = this.#kept.get(key);
    if (!kept) return;
    this.#characters -= key.length + kept.value.length;
    this.#kept.delete(key);
  }
}
