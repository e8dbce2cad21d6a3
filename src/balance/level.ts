import type { Seat } from './seat.ts';

/** Seats of one priority that may be chosen now, with their weights as they are now. */
export interface Level<T> {
  readonly seats: readonly Seat<T>[];
  readonly weights: Float64Array;
  /** Sums of the weights up to each seat. */
  readonly cumulative: Float64Array;
  readonly totalWeight: number;
  /** The level's part of the traffic, 0 to 1, as long as nobody was excluded. */
  readonly share: number;
  /** Index among `seats` by index in the pool; -1 where a seat is not in this level. */
  readonly at: Int32Array;
}

export function makeLevel<T>(
  seats: readonly Seat<T>[],
  weights: Float64Array,
  of: { readonly poolSize: number; readonly share: number },
): Level<T> {
  const cumulative = new Float64Array(seats.length);
  const at = new Int32Array(of.poolSize).fill(-1);
  let totalWeight = 0;
  for (let i = 0; i < seats.length; i++) {
    totalWeight += weights[i]!;
    cumulative[i] = totalWeight;
    at[seats[i]!.index] = i;
  }
  return { seats, weights, cumulative, totalWeight, share: of.share, at };
}

/** The levels without some seats; those that are left empty are left out. */
export function withoutSeats<T>(
  levels: readonly Level<T>[],
  excludes: (seat: Seat<T>) => boolean,
): Level<T>[] {
  const rest: Level<T>[] = [];
  for (const level of levels) {
    const kept = level.seats.flatMap((seat, i) => (excludes(seat) ? [] : [i]));
    if (kept.length === level.seats.length) rest.push(level);
    else if (kept.length > 0) {
      const weights = Float64Array.from(kept, (i) => level.weights[i]!);
      const seats = kept.map((i) => level.seats[i]!);
      rest.push(makeLevel(seats, weights, { poolSize: level.at.length, share: level.share }));
    }
  }
  return rest;
}

/** Chance gives each seat what its weight is of the whole. `chance` from 0 to 1. */
export function drawByWeight<T>({ cumulative, totalWeight }: Level<T>, chance: number): number {
  const aim = chance * totalWeight;
  let low = 0;
  let high = cumulative.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cumulative[middle]! > aim) high = middle;
    else low = middle + 1;
  }
  return low;
}
