import type { LimitState } from '#core/contracts/counter-store.ts';
import { Fault } from '#core/fault.ts';
import type { LimitSort, LimitWish } from '#core/limit-wish.ts';
import { renderAmount } from '#core/money.ts';
import type { Asked } from './gather.ts';

/** Clients that retry by themselves are told not to when it takes longer than this. */
const longWaitS = 60;
/** A hard budget of money that does not renew within this is credit used up, not a rate. */
const soonMs = 3_600_000;

const nouns: Readonly<Record<Exclude<LimitSort, 'money' | 'concurrency'>, string>> = {
  requests: 'requests',
  tokens: 'tokens',
  'input-tokens': 'tokens of input',
  'output-tokens': 'tokens of output',
  cost: 'units of cost',
};

export interface Refused {
  readonly asked: Asked;
  readonly state: LimitState;
  readonly retryAfterMs: number;
}

/** @returns Fault `limit/exceeded` or `credit/exhausted` that says which limit, of how much, for whom, and when to come back. */
export function refusalFault(
  { asked, state, retryAfterMs }: Refused,
  limitHeaders: readonly string[],
): Fault {
  const { wish, item } = asked;
  if (wish.sort === 'concurrency') {
    return new Fault(
      'limit/exceeded',
      `${wish.capacity} exchanges of ${wish.whom} are at work, and no more are allowed at once. Wait for one to end.`,
      { headers: ['retry-after', '1', ...limitHeaders] },
    );
  }
  const needed = item.atLeast ?? item.amount;
  const limit = `The ${wish.inFlight === 'hard' ? 'budget' : 'limit'} of ${amountOf(wish, wish.capacity)} per ${wish.span} for ${wish.whom}`;
  const code = isCredit(wish, retryAfterMs) ? 'credit/exhausted' : 'limit/exceeded';
  if (retryAfterMs === Infinity) {
    // No retry-after: there is no time at which this call would pass.
    const message = `${limit} is smaller than this call, which needs about ${amountOf(wish, needed)}. Make the call smaller.`;
    const headers = ['x-should-retry', 'false', ...limitHeaders];
    return new Fault(code, message, { headers, retryable: false });
  }
  const waitS = Math.max(1, Math.ceil(retryAfterMs / 1000));
  const need = wish.sort === 'requests' ? '' : `, this call needs about ${amountOf(wish, needed)}`;
  const headers = ['retry-after', String(waitS), ...limitHeaders];
  if (waitS > longWaitS) headers.push('x-should-retry', 'false');
  const message = `${limit} is reached (${amountOf(wish, state.remaining)} left${need}). Come back in ${waitS} s.`;
  return new Fault(code, message, { headers });
}

const isCredit = ({ sort, inFlight }: LimitWish, retryAfterMs: number): boolean =>
  sort === 'money' && inFlight === 'hard' && retryAfterMs > soonMs;

function amountOf({ sort, currency }: LimitWish, units: number): string {
  if (sort === 'money') return `${renderAmount(BigInt(units))} ${currency}`;
  return sort === 'concurrency' ? String(units) : `${units} ${nouns[sort]}`;
}
