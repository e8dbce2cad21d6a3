import type { WhenUnavailable } from '../storage-settings.ts';

/**
 * Counts against limits, exactly: any number of concurrent callers in any number of threads or nodes against a limit for M
 * are admitted exactly M times. Linearisable to the algorithm of each window. Time is the store's own where it has one
 * (Redis: TIME); an embedded store goes by the clock of its process.
 */

/** How a limit renews itself. */
export type LimitWindow =
  /** No span of `windowMs` ever holds more than the capacity (a log quantised to panes of ⌈windowMs/60⌉). */
  | { readonly kind: 'sliding'; readonly windowMs: number }
  /**
   * GCRA: `capacity` units per `windowMs` (a day at most), evenly, of which up to `burst` may come at once after a rest. Units
   * run out whole, in order of arrival, ⌊(Δms · capacity + what was left over) / windowMs⌋ of them; what settling gives back
   * is taken from those that have not run out. Corrections are made as of the last reservation's time.
   */
  | { readonly kind: 'bucket'; readonly windowMs: number; readonly burst: number }
  /**
   * Periods of a calendar in a time zone, counted by whoever asks (stores know no zones): the one that his clock is in, and the
   * next. The store takes the one that its own time is in.
   */
  | {
      readonly kind: 'calendar';
      readonly startMs: number;
      readonly endMs: number;
      readonly nextEndMs: number;
    }
  /** Does not renew: what is reserved is held until it is settled, such as a place among those at work at once. */
  | { readonly kind: 'held' };

export interface LimitItem {
  /** Identifies the row: limit, kind and length of its window, and subject, such as `rate-limit/0/tokens/sliding-60000/project:shop`. */
  readonly subject: string;
  readonly window: LimitWindow;
  /** The subject is of callers' making: where memory is short it may share a row with others of the same limit. */
  readonly invented?: boolean;
  /** Units allowed in any window; a non-negative safe integer. */
  readonly capacity: number;
  /** Units wanted now; a non-negative safe integer. */
  readonly amount: number;
  /** With less than `amount` free, as much as is free is taken, if it is this much (0: always); absent: all or nothing. */
  readonly atLeast?: number;
}

export interface LimitState {
  readonly subject: string;
  /** The item's capacity; of a bucket its burst. */
  readonly limit: number;
  /** Left after this reservation. Never negative. */
  readonly remaining: number;
  /**
   * Until the oldest units in the window leave it, a bucket's next unit runs out, the calendar's period ends; 0 when it is empty;
   * Infinity where only settling frees any.
   */
  readonly resetMs: number;
}

export type ReserveResult =
  | { readonly admitted: true; readonly reservation: Reservation; readonly states: readonly LimitState[] }
  /**
   * `refusedBy`: of the items that do not fit, the one that takes longest. `retryAfterMs`: until as much as it needs (`atLeast`,
   * else `amount`) could be free; Infinity when that exceeds the capacity, or only settling frees any.
   */
  | {
      readonly admitted: false;
      readonly refusedBy: LimitState;
      readonly retryAfterMs: number;
      readonly states: readonly LimitState[];
    };

/** Opaque to everyone but its store, but for what it says here. */
export interface Reservation {
  readonly id: string;
  readonly token: number;
  /** By the store's time: the windows it is booked in. */
  readonly admittedAtMs: number;
  /** Units booked at first, item by item. */
  readonly granted: readonly number[];
}

/** Embedded stores answer at once, distributed ones with a promise. */
export type Soon<T> = T | Promise<T>;

export interface CounterStore {
  /** The same counters for calls that go by this rule while they cannot be reached. Absent: that does not happen. */
  whenUnavailable?(rule: WhenUnavailable): CounterStore;
  /**
   * All items or none, in one step. `id` is the caller's, unique to this reservation: asking again under it (a reply was lost)
   * while it is open gives the same answer and books nothing more. A refusal is not remembered: asking again decides anew. At
   * most 32 items. @throws Fault `limit/unavailable`.
   */
  reserve(id: string, items: readonly LimitItem[], nowMs: number): Soon<ReserveResult>;
  /**
   * Books more under an open reservation, never past a capacity: of each item as much of `amounts` as is free, in the window of
   * admission; of one that is over (of a calendar: by more than a period) nothing. Returns what was booked, item by item. `step`
   * counts a reservation's steps from 1, one after the other: asking again for the last one books once. Nothing is booked under a
   * reservation that is settled. @throws Fault `limit/unavailable`.
   */
  extend(reservation: Reservation, step: number, amounts: readonly number[]): Soon<readonly number[]>;
  /**
   * Books more under an open reservation, also past the capacity: what was used without being asked for. In the window of
   * admission. `step` as for `extend`, counted together with it.
   */
  debit(reservation: Reservation, step: number, amounts: readonly number[]): Soon<void>;
  /**
   * Replaces what is booked by what was used, item by item in the order of `reserve`, in the window of admission.
   * More than was booked is booked all the same (overdraft). A second call changes nothing. Where the store cannot be reached it
   * is tried again later; the call resolves all the same.
   */
  settle(reservation: Reservation, used: readonly number[]): Soon<void>;
  /** What stands booked, and changes nothing. */
  inspect(
    items: readonly Pick<LimitItem, 'subject' | 'invented' | 'window' | 'capacity'>[],
    nowMs: number,
  ): Soon<readonly LimitState[]>;
}
