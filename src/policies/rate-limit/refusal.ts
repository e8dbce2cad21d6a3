import type { LimitState } from '#core/contracts/counter-store.ts';
import { Fault } from '#core/fault.ts';
import type { Rate } from './rate.ts';

export interface Refusal {
  readonly rate: Rate;
  readonly state: LimitState;
  readonly amount: number;
  readonly retryAfterMs: number;
  /** `project "shop"`. */
  readonly whom: string;
}

/** Clients that retry by themselves are told not to when it takes longer than this. */
const longWaitS = 60;

/** @returns Fault `limit/exceeded` that says which limit, of how much, for whom, and when to come back. */
export function refusalFault(refusal: Refusal, limitHeaders: readonly string[]): Fault {
  const { rate, state, amount, retryAfterMs, whom } = refusal;
  const limit = `The limit of ${rate.capacity} ${rate.sort} per ${rate.span} for ${whom}`;
  if (retryAfterMs === Infinity) {
    // No retry-after: there is no time at which this call would pass.
    const message = `${limit} is smaller than this call, which needs about ${amount}. Make the call smaller.`;
    const headers = ['x-should-retry', 'false', ...limitHeaders];
    return new Fault('limit/exceeded', message, { headers, retryable: false });
  }
  const waitS = Math.max(1, Math.ceil(retryAfterMs / 1000));
  const need = rate.sort === 'tokens' ? `, this call needs about ${amount}` : '';
  const headers = ['retry-after', String(waitS), ...limitHeaders];
  if (waitS > longWaitS) headers.push('x-should-retry', 'false');
  const message = `${limit} is reached (${state.remaining} left${need}). Come back in ${waitS} s.`;
  return new Fault('limit/exceeded', message, { headers });
}
