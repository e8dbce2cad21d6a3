/** How an attempt failed, as far as trying again is concerned. A number is the status of an answer. */
export type FailureKind = 'connect' | 'reset' | 'timeout' | number;

/** When an attempt that failed is made anew, elsewhere or at the same place. Resolved; durations in milliseconds. */
export interface RetryRules {
  /** Of one exchange at most, the first one included; Infinity: as many as there are targets. */
  readonly attempts: number;
  readonly on: {
    readonly connect: boolean;
    readonly reset: boolean;
    readonly timeout: boolean;
    readonly statuses: readonly number[];
    /** All statuses from 500 to 599. */
    readonly serverErrors: boolean;
  };
  /** What may be repeated although it may have had an effect; null: everything. What was never sent always may. */
  readonly methods: readonly string[] | null;
  /** Full jitter: the wait before the n-th retry is any span up to base × 2^(n−1), and up to max. */
  readonly backoff: { readonly baseMs: number; readonly maxMs: number };
  /** Until the head of an answer, of one attempt and of all together; 0 is unlimited. */
  readonly perTryMs: number;
  readonly totalMs: number;
  /** A Retry-After that is longer is not waited for: the client gets the answer that says so. */
  readonly maxRetryAfterMs: number;
  /** Retries among the requests of the last ten seconds, of one thread; null: unbounded. */
  readonly budget: { readonly ratio: number; readonly minPerSecond: number } | null;
  /** So much of a request's body is kept to send it again. */
  readonly bufferBytes: number;
  /** May a target be tried a second time when there is no other? */
  readonly again: boolean;
  /** A target that was not tried yet takes over at once and unpaid, whatever the failure: the order of a model. */
  readonly fallback: boolean;
}

/** A second attempt beside the first, when that is slow. */
export interface HedgeRules {
  /** `p95`: as long as all but one in twenty of the latest answers took to begin. */
  readonly after: number | 'p95';
  /** Further attempts at once. */
  readonly max: number;
}

/** RFC 9110 §9.2.2, without TRACE, which is not forwarded. */
export const idempotentMethods = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'] as const;

const nothing = { connect: false, reset: false, timeout: false, statuses: [], serverErrors: false };

/** Where nothing is configured: an upstream that cannot be reached was given nothing, so another one takes over. */
export const connectRules: RetryRules = {
  attempts: 3,
  on: { ...nothing, connect: true },
  methods: idempotentMethods,
  backoff: { baseMs: 0, maxMs: 0 },
  perTryMs: 0,
  totalMs: 0,
  maxRetryAfterMs: 0,
  budget: null,
  bufferBytes: 0,
  again: false,
  fallback: false,
};

/** Models where nothing is configured: each target once, in order, at once. Which faults allow it is the faults' word. */
export const fallbackRules: RetryRules = {
  ...connectRules,
  attempts: Infinity,
  methods: null,
  fallback: true,
};
