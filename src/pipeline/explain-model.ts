import type { Exchange } from '#core/exchange.ts';
import { faultFrom } from '#core/fault.ts';
import type { BalanceKind } from '#core/pool-settings.ts';
import type { ResolvedModel } from '#core/snapshot.ts';
import type { Target } from '#core/target.ts';
import { callFacts } from './call-facts.ts';
import { expectedCost } from './expected-cost.ts';
import type { Gateway } from './gateway.ts';
import type { ModelCall } from './model-call.ts';
import { modelCall, parseCallBody } from './read-call.ts';
import type { Asked } from './operation-index.ts';

export interface ModelExplanation {
  /** In order: does each hold, and if that is not known, or if it could not be evaluated, why. */
  readonly rules: readonly {
    readonly when: string;
    readonly use: string;
    readonly holds: boolean | null;
    readonly why: string;
  }[];
  /** How targets are chosen; null where there is only one. */
  readonly strategy: string | null;
  readonly targets: readonly string[];
}

const strategies: Readonly<Record<BalanceKind, string>> = {
  ordered: 'fallback: the first that is in service',
  'round-robin': 'round-robin: in turn, by weight',
  'least-connections': 'least-connections: who has fewest calls under way',
  'peak-ewma': 'latency: who begins to answer soonest, by what was seen of late',
  'consistent-hash': 'consistent-hash: the same beginning of a prompt meets the same target',
  cost: 'cost: the cheapest for the call first',
  throughput: 'throughput: who gives most tokens a second, by what was seen of late',
  quota: 'quota: who has most left of its limits, by what it last reported',
};

export interface CallAsked {
  readonly exchange: Exchange;
  readonly asked: Asked;
  readonly body: string | null;
  readonly nowMs: number;
}

/** Whose targets would answer, and in which order as far as it is known beforehand. */
export function explainModel(
  model: ResolvedModel,
  of: CallAsked,
  gateway: Pick<Gateway, 'rulesOf'>,
): ModelExplanation {
  const call = callOf(model, of);
  const { rules, use } = explainRules(model, { ...of, call }, gateway);
  const cost = (target: Target): number => (call ? Number(expectedCost(of.exchange, target) ?? Infinity) : 0);
  const byCost = use.pool?.balance === 'cost' && call !== null;
  const targets = byCost ? [...use.targets].sort((a, b) => cost(a) - cost(b)) : use.targets;
  return {
    rules,
    strategy: use.targets.length > 1 ? strategies[use.pool?.balance ?? 'ordered'] : null,
    targets: targets.map(({ provider, model: name }) => `${provider.name}/${name} at ${provider.baseUrl}`),
  };
}

/** Null without a body, or with one that would be refused. */
function callOf(model: ResolvedModel, { asked, body, exchange }: CallAsked): ModelCall | null {
  if (body === null) return null;
  try {
    return modelCall(parseCallBody(exchange, asked, Buffer.from(body)), model);
  } catch {
    return null;
  }
}

function explainRules(
  model: ResolvedModel,
  { exchange, call, nowMs }: CallAsked & { readonly call: ModelCall | null },
  gateway: Pick<Gateway, 'rulesOf'>,
): { rules: ModelExplanation['rules']; use: ResolvedModel } {
  const given = model.rules ?? [];
  const told = (i: number, holds: boolean | null, why: string) => ({
    ...{ when: given[i]!.when, use: given[i]!.use.name, holds, why },
  });
  if (!call)
    return {
      rules: given.map((_, i) => told(i, null, 'known when the body of the call is given')),
      use: model,
    };
  const failures = new Map<number, string>();
  let chosen = -1;
  if (given.length > 0) {
    try {
      const facts = callFacts(exchange, call, nowMs);
      chosen = gateway.rulesOf(model).choose(facts, (rule, message) => failures.set(rule, message));
    } catch (thrown) {
      failures.set(0, faultFrom(thrown).message);
    }
  }
  const rules = given.map((_, i) => {
    const failure = failures.get(i);
    if (failure !== undefined) return told(i, false, `it could not be evaluated: ${failure}`);
    if (i === chosen) return told(i, true, 'the first that holds');
    return chosen >= 0 && i > chosen ? told(i, null, 'not asked') : told(i, false, 'it does not hold');
  });
  return { rules, use: given[chosen]?.use ?? model };
}
