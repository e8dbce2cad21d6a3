import type { LimitItem } from './contracts/counter-store.ts';

/** What is counted of a call. Money counts in nano-units of its currency. */
export type LimitSort =
  | 'requests'
  | 'tokens'
  | 'input-tokens'
  | 'output-tokens'
  | 'money'
  | 'concurrency'
  /** Of GraphQL operations, in the units of the route's rules. */
  | 'cost';

/**
 * One limit that a policy puts on one call, as data. How much the call is expected to use is for whoever reserves: all that a
 * route's policies wish for is reserved in one step, and settled under one id.
 */
export interface LimitWish extends Pick<LimitItem, 'subject' | 'invented' | 'window' | 'capacity'> {
  readonly sort: LimitSort;
  /** In the RateLimit headers, quoted: `"rate-limit/0/tokens/5min"`. */
  readonly name: string;
  /** The window in words, after "per": `min`, `5min`, `month`; empty of what is held. */
  readonly span: string;
  /** `project "shop"`. */
  readonly whom: string;
  /** Of money. */
  readonly currency?: string;
  /**
   * While the answer flows: `none`: nothing, what was used is settled. `debit`: what exceeds the expectation is booked, also past
   * the capacity. `hard`: output is leased block by block ahead of the stream, and the answer ends where nothing is left.
   */
  readonly inFlight: 'none' | 'debit' | 'hard';
  /** Shares of the capacity from which on callers are warned, ascending: 0.8. */
  readonly warnAt: readonly number[];
  /** The model that answers where this limit would refuse the call; what that uses is counted here all the same. */
  readonly downgrade?: string;
  /** Of money, where a model has no price: `pass` counts it as nothing; absent: it is refused. */
  readonly unpriced?: 'pass';
}
