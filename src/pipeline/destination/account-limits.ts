import type { CallBrief } from '#core/call.ts';
import type { LimitState } from '#core/contracts/counter-store.ts';
import type { Policy } from '#core/contracts/policy.ts';
import { Fault } from '#core/fault.ts';
import type { LimitWish } from '#core/limit-wish.ts';
import { renderAmount } from '#core/money.ts';
import type { WholeAnswer } from '../answer.ts';
import type { Passage } from '../passage.ts';

/**
 * What is left of the caller's limits, on all routes; nothing is counted by asking. Of limits by model, provider or what else
 * only a call has, nothing can be said.
 * @throws Fault `limit/unavailable`
 */
export async function limitsAnswer(passage: Passage): Promise<WholeAnswer> {
  const { exchange, gateway } = passage;
  if (exchange.head.query !== '' && exchange.consumedParameter === null)
    throw new Fault('request/invalid-query', 'There are no parameters.');
  const wishes = wishesOn(passage);
  const items = wishes.map(({ subject, window, capacity, invented }) => ({
    ...{ subject, window, capacity },
    ...(invented ? { invented } : {}),
  }));
  const states = items.length > 0 ? await gateway.counters.inspect(items, gateway.clock.nowMs()) : [];
  const limits = wishes.map((wish, i) => mapLimit(wish, states[i]!));
  return {
    status: 200,
    headers: ['content-type', 'application/json', 'cache-control', 'no-store'],
    body: JSON.stringify({ project: exchange.consumer!.project, limits }),
  };
}

/** Some limits are of calls to models alone. */
const anyCall: CallBrief = {
  ...{ model: '', stream: false, maxOutputTokens: null, choices: 1 },
  wantsUsage: false,
};

/** Of each policy once, as it holds on the first route that has it. */
function wishesOn({ exchange, gateway }: Passage): LimitWish[] {
  const asked = new Set<Policy>();
  const wishes = new Map<string, LimitWish>();
  for (const { route, limits, parts } of gateway.routes) {
    const policies = new Set([...limits, ...(parts ?? []).flatMap(({ compiled }) => compiled.limits)]);
    for (const policy of policies) {
      if (asked.has(policy)) continue;
      asked.add(policy);
      const call = { ...exchange, routeName: route.name, brief: anyCall };
      // What is another limit for another model cannot be told without one.
      const others = new Set(wishesOf(policy, { ...call, countedModel: 'b' }).map(({ subject }) => subject));
      for (const wish of wishesOf(policy, { ...call, countedModel: 'a' }))
        if (others.has(wish.subject)) wishes.set(wish.subject, wish);
    }
  }
  return [...wishes.values()];
}

/** A policy that goes by what this request has not, such as a header, has nothing to say of it. */
function wishesOf(policy: Policy, exchange: Passage['exchange']): readonly LimitWish[] {
  try {
    return policy.limits!(exchange);
  } catch (thrown) {
    if (thrown instanceof Fault) return [];
    throw thrown;
  }
}

function mapLimit(
  { name, sort, span, whom, currency }: LimitWish,
  { limit, remaining, resetMs }: LimitState,
): Record<string, unknown> {
  const amount = (units: number) => (sort === 'money' ? renderAmount(BigInt(units)) : units);
  return {
    name: name.replaceAll('"', ''),
    of: sort,
    ...(currency === undefined ? {} : { currency }),
    ...(span === '' ? {} : { per: span }),
    for: whom,
    limit: amount(limit),
    remaining: amount(remaining),
    // What is held is free again when it is settled.
    resetSeconds: Number.isFinite(resetMs) ? Math.ceil(resetMs / 1000) : null,
  };
}
