import type { Soon } from './contracts/counter-store.ts';

/** How much of an answer may be delivered; there where a hard budget stands over the call. */
export interface Allowance {
  /** Output tokens that are paid for so far, of all choices. Never shrinks. */
  readonly outputTokens: number;
  /**
   * The stream stands at `usedTokens` and wants to go on: more is leased where there is any. Resolves, or returns, when
   * `outputTokens` is final for now; unchanged: nothing is left, and the answer ends. Never throws: a store that cannot be reached
   * gives nothing. Asking while a lease is under way waits for that one.
   */
  more(usedTokens: number): Soon<void>;
  /**
   * What the budget with the least left can pay for: of all choices: the cap put on the call's own bound on output
   * at dispatch; null: it pays for whatever the call may use.
   */
  readonly clampTokens: number | null;
}
