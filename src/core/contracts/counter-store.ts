/**
 * A window that does not end (100 years): what is reserved in it is held until it is settled, such as a place among
 * those at work at once. It is given back when the thread that held it dies.
 */
export const heldWindowMs = 100 * 365 * 86_400_000;

/**
 * Counts against limits, exactly: any number of concurrent callers in any number of threads against a limit for M
 * are admitted exactly M times. The algorithm is a sliding window log quantised to 1/N of the window ("sliding
 * window with N panes"): a pane counts in full until it has left the window entirely, so the limit is never passed.
 */
export interface LimitItem {
  /** Identifies the row: limit and subject, such as `rate-limit/0/tokens/60000/project:shop`. */
  readonly subject: string;
  readonly windowMs: number;
  /** Units allowed in any window. */
  readonly capacity: number;
  /** Units wanted now; a non-negative integer. */
  readonly amount: number;
}

export interface LimitState {
  readonly subject: string;
  readonly limit: number;
  /** Left after this reservation. Never negative. */
  readonly remaining: number;
  /** Until the oldest units in the window leave it; 0 when it is empty. */
  readonly resetMs: number;
}

export type ReserveResult =
  | { readonly admitted: true; readonly reservation: Reservation; readonly states: readonly LimitState[] }
  /** `retryAfterMs`: until as many units as were wanted could be free; Infinity when the amount exceeds the capacity. */
  | {
      readonly admitted: false;
      readonly refusedBy: LimitState;
      readonly retryAfterMs: number;
      readonly states: readonly LimitState[];
    };

/** Opaque to everyone but its store. */
export interface Reservation {
  readonly token: number;
  readonly admittedAtMs: number;
}

/** Embedded stores answer at once, distributed ones with a promise. */
export type Soon<T> = T | Promise<T>;

export interface CounterStore {
  /** All items or none, in one step. @throws Fault `limit/unavailable`. */
  reserve(items: readonly LimitItem[], nowMs: number): Soon<ReserveResult>;
  /**
   * Replaces what was reserved by what was used, item by item in the order of `reserve`, in the window of admission.
   * More than was reserved is booked all the same (overdraft). A second call changes nothing.
   */
  settle(reservation: Reservation, used: readonly number[]): Soon<void>;
  /** Adds to what is booked under an open reservation before it is settled (the answer flows on). */
  debit(reservation: Reservation, extra: readonly number[]): Soon<void>;
}
