const firstMs = 1_000;
const longestMs = 5 * 60_000;
/** A receiver that asks for more is tried all the same by then: it may be wrong about itself. */
const longestAskedMs = 3_600_000;

/**
 * How long to wait after so many failed tries: doubling, with chance in it so that many who failed together do not come back
 * together, and at least what the receiver asked for. `random` is from 0 to 1.
 */
export function backoffMs(tries: number, askedMs: number | null, random: number): number {
  const ceiling = Math.min(longestMs, firstMs * 2 ** Math.min(tries - 1, 30));
  const own = ceiling / 2 + (ceiling / 2) * random;
  return askedMs === null ? own : Math.max(own, Math.min(askedMs, longestAskedMs));
}
