import type { AskedOperation } from '#core/graphql/graphql-call.ts';
import { graphqlCost } from '#core/meter.ts';
import type { AttemptRecord } from '#core/exchange.ts';
import type { Usage } from '#core/usage.ts';
import type { Passage } from '../passage.ts';

/** Operations, and fields of each at its root, that a receipt tells of: the dearest. */
const mostTold = 10;

/**
 * What an attempt at a GraphQL route used: what its operations cost, beside what the answer said. Null where the upstream did not
 * answer, or with an error: then it costs nothing.
 */
export function graphqlUsage(passage: Passage, record: AttemptRecord, answered: Usage | null): Usage | null {
  const { graphql } = passage.exchange;
  if (!graphql || record.status === 0 || record.status >= 400) return answered;
  // With a meter its price says whether that is counted.
  const counted: Record<string, number> = passage.route.meter ? {} : { [graphqlCost]: graphql.cost };
  return {
    lines: [],
    source: answered?.source ?? 'gateway_count',
    raw: {
      ...(answered?.raw as object | undefined),
      graphql: graphql.operations.slice(0, mostTold).map(told),
    },
    flags: answered?.flags ?? [],
    units: { ...answered?.units, ...counted },
  };
}

function told({ type, name, measures, byId }: AskedOperation): object {
  const fields = Array.from(measures?.rootCosts ?? [])
    .sort(([, one], [, other]) => other - one)
    .slice(0, mostTold)
    .map(([field, cost]) => [field.slice(0, 100), cost] as const);
  return {
    type,
    name: name === null ? null : name.slice(0, 100),
    ...(measures ? { cost: measures.cost, depth: measures.depth, fields: Object.fromEntries(fields) } : {}),
    ...(byId ? { byId } : {}),
  };
}
