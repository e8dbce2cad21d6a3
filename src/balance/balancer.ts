import type { Level } from './level.ts';

/** What a choice goes by. */
export interface Choice {
  readonly affinity: string | null;
  /** Of a seat by its index in the pool; see PoolWish. */
  readonly costOf: ((index: number) => number) | undefined;
  readonly nowMs: number;
  /** From 0 to 1. */
  random(): number;
}

/** Chooses one of the level's seats (there is at least one): its index in `level.seats`. */
export type Balancer<T> = (level: Level<T>, choice: Choice) => number;
