import type { LimitItem, LimitWindow } from '#core/contracts/counter-store.ts';

export type Limited = Pick<LimitItem, 'subject' | 'invented' | 'window' | 'capacity'>;
export type LimitedBy<Kind extends LimitWindow['kind']> = Limited & {
  readonly window: Extract<LimitWindow, { kind: Kind }>;
};

/**
 * How one kind of window counts in a row; everything here needs the lock of the row's shard. The time of a row is the greatest
 * it has been reserved at: a clock that goes back frees nothing. Corrections are made as of the row's time.
 */
export interface RowKind {
  /** In `rowField.kind`. */
  readonly code: number;
  /** Part of the row's identity; 0 where the window has no length of its own. @throws RangeError for what is no window. */
  windowMs(limited: Limited): number;
  /** Units that can be booked at once when there are none. */
  ceiling(limited: Limited): number;
  /** Makes the row, which is cleared, one that begins at `atMs`. */
  begin(row: number, limited: Limited, atMs: number): void;
  /** Brings the row to `nowMs`: what has left is cleared. */
  advance(row: number, limited: Limited, nowMs: number): void;
  /** Units that count at `nowMs`. */
  used(row: number, limited: Limited, nowMs: number): number;
  /** Until `units` of them have left; Infinity when there are not as many. At least 1. */
  untilFree(row: number, limited: Limited, want: { readonly units: number; readonly nowMs: number }): number;
  /** Books units at the row's time, at most up to 2^53−1 in all, and notes at slot item `at` where. Returns what was added. */
  book(row: number, at: number, units: number): number;
  /** The units beside which more would be booked under slot item `at`; Infinity when its window is over. */
  usedBeside(row: number, at: number, nowMs: number): number;
  /** Adds to, or takes from, what is booked under slot item `at`. Returns by how much that changes. */
  correct(row: number, at: number, change: number): number;
  /** Does nothing in it count any more? */
  isIdle(row: number, nowMs: number): boolean;
  /** Is it given back when the thread that held it dies? */
  readonly held: boolean;
}

/** Full of units, a row takes no more: sums stay exact. */
export const mostUnits = Number.MAX_SAFE_INTEGER;
