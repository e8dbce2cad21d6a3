import type { CallBrief } from '#core/call.ts';
import type { LimitState } from '#core/contracts/counter-store.ts';
import type { Policy } from '#core/contracts/policy.ts';
import { Fault } from '#core/fault.ts';
import type { LimitWish } from '#core/limit-wish.ts';
import { renderAmount } from '#core/money.ts';
import { matchesAny } from '#core/name-pattern.ts';
import { queryValues } from '#core/query.ts';
import type { WholeAnswer } from '../answer.ts';
import type { Passage } from '../passage.ts';

/**
 * What is left of the caller's limits, on all routes; nothing is counted by asking. Of those by model or provider only what a call to
 * the model that is asked about would be counted by.
 * @throws Fault `limit/unavailable`; `model/not-found`, also of a model that the caller may not use.
 */
export async function limitsAnswer(passage: Passage): Promise<WholeAnswer> {
  const { exchange } = passage;
  const name = modelIn(exchange.head.query, exchange.consumedParameter);
  const wishes = new Map<string, LimitWish>();
  const asked = new Set<Policy>();
  if (name !== null) for (const wish of wishesFor(passage, name, asked)) wishes.set(wish.subject, wish);
  for (const wish of wishesOn(passage, asked)) wishes.set(wish.subject, wish);
  return answerOf(passage, [...wishes.values()]);
}

async function answerOf({ exchange, gateway }: Passage, wishes: readonly LimitWish[]): Promise<WholeAnswer> {
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

/** @throws Fault where anything else is asked: it would be taken for a filter that it is not. */
function modelIn(query: string, consumed: string | null): string | null {
  const asked = [...new URLSearchParams(query).keys()].filter((name) => name !== consumed);
  if (asked.length === 0) return null;
  const [name] = queryValues(query, 'model');
  if (asked.length === 1 && name !== undefined) return name;
  throw new Fault('request/invalid-query', 'There is one parameter, and once: model.');
}

/** What a call to a model would be counted by, on the routes that offer it. Notes whom it has asked. */
function wishesFor({ exchange, gateway }: Passage, name: string, asked: Set<Policy>): LimitWish[] {
  const model = gateway.models.find(name);
  const routes = gateway.routes.flatMap((compiled) => [
    compiled,
    ...(compiled.parts ?? []).map((part) => part.compiled),
  ]);
  const offering = routes.filter(
    ({ route, allowsModel }) =>
      route.kind === 'llm' &&
      (route.models === null || matchesAny(route.models, name)) &&
      allowsModel.every((policy) => policy.allowsModel!(exchange, name)),
  );
  if (!model || offering.length === 0)
    throw new Fault('model/not-found', `There is no model "${name}".`, { field: 'model' });
  return offering.flatMap(({ route, limits, targetLimits }) => {
    const brief = { ...anyCall, model: name };
    const counted = { countedModel: model.countedAs, modelNames: model.knownAs };
    const call = { ...exchange, routeName: route.name, brief, ...counted };
    const isNew = (policy: Policy) => !asked.has(policy) && asked.add(policy);
    return [
      ...limits.filter(isNew).flatMap((policy) => wishesOf(() => policy.limits!(call))),
      ...targetLimits.flatMap((policy) =>
        model.targets.flatMap((target) => wishesOf(() => policy.targetLimits!(call, target))),
      ),
    ];
  });
}

/** Of each policy once, as it holds on the first route that has it. */
function wishesOn({ exchange, gateway }: Passage, asked: Set<Policy>): LimitWish[] {
  const wishes: LimitWish[] = [];
  for (const { route, limits, parts } of gateway.routes) {
    const policies = new Set([...limits, ...(parts ?? []).flatMap(({ compiled }) => compiled.limits)]);
    for (const policy of policies) {
      if (asked.has(policy)) continue;
      asked.add(policy);
      const call = { ...exchange, routeName: route.name, brief: anyCall };
      const of = (countedModel: string) => wishesOf(() => policy.limits!({ ...call, countedModel }));
      // What is another limit for another model cannot be told without one.
      const others = new Set(of('b').map(({ subject }) => subject));
      wishes.push(...of('a').filter(({ subject }) => others.has(subject)));
    }
  }
  return wishes;
}

/** A policy that goes by what this request has not has nothing to say of it. */
function wishesOf(ask: () => readonly LimitWish[]): readonly LimitWish[] {
  try {
    return ask();
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
