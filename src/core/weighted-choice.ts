/**
 * Weighted rendezvous hashing: which of some parts a value goes to. The same everywhere, and of all values only those
 * move whose share has changed: where one part grows, to that part alone; where one shrinks, from it alone.
 */
export interface Weighted {
  readonly name: string;
  readonly weight: number;
}

/** Null when no part has a weight. `scope` keeps the same value from going alike everywhere. */
export function partFor<P extends Weighted>(parts: readonly P[], value: string, scope: string): P | null {
  let best: P | null = null;
  let least = Infinity;
  const seed = hash32(scope, hash32(value, 0));
  for (const part of parts) {
    if (part.weight === 0) continue;
    // From above 0 to below 1; -ln of it is exponential, and the least of exponentials is chosen in the ratio of rates.
    const chance = (hash32(part.name, seed) + 0.5) / 0x1_0000_0000;
    const score = -Math.log(chance) / part.weight;
    if (score < least) [best, least] = [part, score];
  }
  return best;
}

/** `chance` from 0 to below 1. */
export function partByChance<P extends Weighted>(parts: readonly P[], chance: number): P | null {
  let left = chance * parts.reduce((sum, { weight }) => sum + weight, 0);
  let last: P | null = null;
  for (const part of parts) {
    if (part.weight === 0) continue;
    last = part;
    if (left < part.weight) return part;
    left -= part.weight;
  }
  return last;
}

/** MurmurHash3, 32 bits, over UTF-16 units. */
export function hash32(text: string, seed: number): number {
  let hash = seed | 0;
  for (let i = 0; i < text.length; i++) {
    let unit = Math.imul(text.charCodeAt(i), 0xcc9e2d51);
    unit = (unit << 15) | (unit >>> 17);
    hash ^= Math.imul(unit, 0x1b873593);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  hash ^= text.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
