import type { LimitSort, LimitWish } from '#core/limit-wish.ts';
import { parseRates, type Rate } from '#core/rate.ts';
import { createRateWishes } from '#core/rate-wishes.ts';
import type { Subject } from '#core/counted-subject.ts';
import type { PolicyLimit } from './policy-definition.ts';

const sorts = [
  ['requests', 'requests'],
  ['tokens', 'tokens'],
  ['inputTokens', 'input-tokens'],
  ['outputTokens', 'output-tokens'],
  ['money', 'money'],
] as const satisfies readonly (readonly [keyof PolicyLimit, LimitSort])[];

/** Kinds of limits that are remembered: a policy that makes up rates call by call is slow, and no more. */
const mostKinds = 64;
const longestName = 120;

type WishesOf = (subject: Subject, nowMs: number) => readonly LimitWish[];

/** Makes limits of what a policy says of each call. @throws RangeError, TypeError for limits that cannot be. */
export function createOwnLimits(
  policy: string,
  instance: string,
): (limits: readonly PolicyLimit[], nowMs: number) => LimitWish[] {
  const kinds = new Map<string, WishesOf>();
  return (limits, nowMs) =>
    limits.flatMap((limit) => {
      if (typeof limit.by !== 'string') throw new TypeError('limits: "by" says whose limit it is: a text');
      const kind = JSON.stringify({ ...limit, by: '' });
      let wishes = kinds.get(kind);
      if (!wishes) {
        wishes = wishesFor(limit, policy, instance);
        if (kinds.size >= mostKinds) kinds.clear();
        kinds.set(kind, wishes);
      }
      return wishes(subjectOf(limit.by), nowMs);
    });
}

function wishesFor(limit: PolicyLimit, policy: string, instance: string): WishesOf {
  const { zone = 'UTC', currency = 'USD', invented = true } = limit;
  const rates = sorts.flatMap(([name, sort]) => parseRates(limit[name], { policy, sort, zone }));
  if (rates.length === 0)
    throw new RangeError(`${policy}: a limit is of requests, tokens, inputTokens, outputTokens or money`);
  return createRateWishes({
    instance,
    rates,
    subjects: { text: 'by', needsTarget: false, invented, subjectOf: () => null },
    settings: ({ sort }: Rate) => ({
      inFlight: sort === 'requests' || sort === 'input-tokens' ? 'none' : 'debit',
      warnAt: [],
      ...(sort === 'money' ? { currency } : {}),
    }),
  });
}

function subjectOf(by: string): Subject {
  // A row's name stands on record in full, and so has a bound.
  if (by.length > longestName)
    throw new RangeError(`limits: "by" has at most ${longestName} characters, not ${by.length}`);
  const name = by.toWellFormed();
  return { id: `by:${encodeURIComponent(name)}`, text: `"${name.slice(0, 64)}"` };
}
