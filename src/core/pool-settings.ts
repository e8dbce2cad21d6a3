/** How a pool chooses among its members, and when it leaves one alone. Plain data; part of the snapshot. */
export interface PoolSettings {
  readonly balance: BalanceKind;
  /** What `consistent-hash` goes by; null elsewhere. */
  readonly hashBy: HashBy | null;
  /** `consistent-hash`: no member has more than this many times its share of what is in flight; at least 1. */
  readonly loadBound: number;
  readonly sticky: StickySettings | null;
  readonly breaker: BreakerSettings | null;
  readonly passive: PassiveSettings | null;
  /** Time in which a member that is new or has come back grows from a tenth of its weight to the whole; 0: at once. */
  readonly slowStartMs: number;
  /** When health leaves no member: try those it has put out, or refuse the exchange. */
  readonly whenAllOut: 'try' | 'refuse';
  /** A priority has the whole traffic while its healthy share of weight, times this, is at least 1. */
  readonly overprovision: number;
}

export type BalanceKind =
  | 'ordered'
  | 'round-robin'
  | 'least-connections'
  | 'peak-ewma'
  | 'consistent-hash'
  /** Least cost of the exchange, as `PoolWish.costOf` tells it. */
  | 'cost'
  /** Most tokens a second. */
  | 'throughput'
  /** Most left of the limits that the target itself reports. */
  | 'quota';

export type HashBy =
  | { readonly kind: 'key' | 'client' | 'prompt-prefix' }
  /** Names of headers in lower case. */
  | { readonly kind: 'header' | 'cookie'; readonly name: string };

/** The gateway sets a cookie that names the member, and follows it. */
export interface StickySettings {
  readonly cookie: string;
  /** 0: until the browser is closed. */
  readonly ttlMs: number;
}

export interface BreakerSettings {
  readonly windowMs: number;
  /** Ratios are not looked at before there are as many results in the window. */
  readonly minimumRequests: number;
  /** Opens at this share of failures in the window; 0: not by ratio. */
  readonly failureRatio: number;
  /** Opens at as many failures in a row; 0: not by row. */
  readonly consecutiveFailures: number;
  /** A result that took longer to begin is slow; 0: none is. */
  readonly slowMs: number;
  /** Opens at this share of slow results in the window. */
  readonly slowRatio: number;
  /** Time open; doubles with each failed probe. */
  readonly openMs: number;
  readonly maxOpenMs: number;
  /** Half open, as many exchanges are let through, and all must succeed. */
  readonly probes: number;
}

export interface PassiveSettings {
  /** Put out after as many failures in a row; 0: not by row. */
  readonly consecutiveFailures: number;
  /** Put out at this share of failures in the window; 0: not by ratio. */
  readonly failureRatio: number;
  readonly minimumRequests: number;
  readonly windowMs: number;
  /** Time out; grows by itself each time that it fails again soon after. */
  readonly ejectMs: number;
  readonly maxEjectMs: number;
  /** Percent of the members that may be out at the same time, rounded down. */
  readonly maxEjectedPercent: number;
  /** The longest that a target's Retry-After is heeded; 0: not at all. */
  readonly maxCoolDownMs: number;
}

/** In the order of the list; nothing is remembered of anybody. */
export const plainPool: PoolSettings = {
  balance: 'ordered',
  hashBy: null,
  loadBound: 1.25,
  sticky: null,
  breaker: null,
  passive: null,
  slowStartMs: 0,
  whenAllOut: 'try',
  overprovision: 1.4,
};
