import type { KeyDirectory } from '#core/contracts/policy.ts';
import type { KeyDelta, KeyRecord } from '#core/key.ts';

/** A thread's own copy of the key set, kept by deltas. */
export class KeyTable implements KeyDirectory {
  #keys = new Map<string, KeyRecord>();
  #sequence = 0;

  /** @throws Error when a delta is missing: the table would be wrong without anyone knowing. */
  apply(delta: KeyDelta): void {
    if (delta.type !== 'reset' && delta.sequence !== this.#sequence + 1) {
      throw new Error(`key delta ${delta.sequence} came after ${this.#sequence}`);
    }
    this.#sequence = delta.sequence;
    if (delta.type === 'reset') this.#keys = new Map(delta.keys.map((key) => [key.sha256, key]));
    else if (delta.type === 'put') this.#keys.set(delta.key.sha256, delta.key);
    else this.#keys.delete(delta.sha256);
  }

  get sequence(): number {
    return this.#sequence;
  }

  find(sha256Hex: string): KeyRecord | undefined {
    return this.#keys.get(sha256Hex);
  }
}
