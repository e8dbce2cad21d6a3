/**
 * The window, exactly. A window of W ms is cut into N panes of p = ⌈W/60⌉ ms each, N = ⌈W/p⌉ ≤ 60, on a grid that
 * begins at the epoch: a unit admitted at t lies in pane e = ⌊t/p⌋. At any time with ⌊now/p⌋ = c the panes c−N … c
 * count, whole. So a unit counts for more than W and at most W + p, and no span of W ever holds more than the
 * capacity. The time of a row is the greatest it has admitted at: a clock that goes back frees nothing.
 *
 * N + 1 ≤ 61 panes lie in a ring, pane e at e mod (N+1); `last` is the newest pane the row has seen.
 */
export interface Window {
  readonly windowMs: number;
  readonly paneMs: number;
  /** N + 1: panes that count. */
  readonly ring: number;
}

export const paneSlots = 61;

/** @throws RangeError unless `windowMs` is a positive safe integer. */
export function windowOf(windowMs: number): Window {
  if (!Number.isSafeInteger(windowMs) || windowMs < 1) {
    throw new RangeError(`windowMs must be a positive integer, not ${windowMs}`);
  }
  const paneMs = Math.ceil(windowMs / 60);
  return { windowMs, paneMs, ring: Math.ceil(windowMs / paneMs) + 1 };
}

export const paneAt = (window: Window, atMs: number): number => Math.floor(atMs / window.paneMs);

/** When pane `pane` no longer counts. */
export const leavesAtMs = (window: Window, pane: number): number => (pane + window.ring) * window.paneMs;

/** Units that still count at pane `now` of the ring at `at`, whose newest pane is `last` and whose sum is `sum`. */
export function liveSum(
  words: Float64Array,
  at: number,
  window: Window,
  now: number,
  last: number,
  sum: number,
) {
  if (now <= last || sum === 0) return sum;
  const { ring } = window;
  if (now - last >= ring) return 0;
  let left = sum;
  let slot = last % ring;
  for (let pane = last; pane < now; pane++) {
    if (++slot === ring) slot = 0;
    left -= words[at + slot]!;
  }
  return left;
}

/**
 * The pane with whose leaving at least `units` have left since pane `now`; −1 when there are not as many.
 * With `units` = 1 it is the oldest pane that holds anything.
 */
export function paneFreeing(
  words: Float64Array,
  at: number,
  window: Window,
  now: number,
  last: number,
  units: number,
): number {
  const { ring } = window;
  let freed = 0;
  let pane = now - ring + 1;
  let slot = ((pane % ring) + ring) % ring;
  for (; pane <= last; pane++) {
    freed += words[at + slot]!;
    if (freed >= units) return pane;
    if (++slot === ring) slot = 0;
  }
  return -1;
}

/** The ring of a window, without making one. */
export const ringOf = (windowMs: number): number => Math.ceil(windowMs / Math.ceil(windowMs / 60)) + 1;
