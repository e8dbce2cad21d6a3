import type { Policy, PolicyKind } from '#core/contracts/policy.ts';
import { Fault } from '#core/fault.ts';
import type { AskedOperation } from '#core/graphql/graphql-call.ts';
import { matchesAny } from '#core/name-pattern.ts';
import type { GraphqlOperationsSettings } from './schema.ts';

/** Allows some GraphQL operations, and no others. Of what is no GraphQL route it says nothing. */
export const graphqlOperations: PolicyKind<GraphqlOperationsSettings> = {
  name: 'graphql-operations',
  create: (settings) => createGraphqlOperations(settings),
};

function createGraphqlOperations(settings: GraphqlOperationsSettings): Policy {
  const { only, types, names } = settings;
  const told = [
    ...(only === undefined
      ? []
      : [only === 'named' ? 'listed operations by their names' : 'listed operations']),
    ...(types ? [types.join(' and ')] : []),
    ...(names ? [`operations called ${names.join(', ')}`] : []),
  ];
  return {
    name: 'graphql-operations',
    summary: `only ${told.join('; only ')}`,
    onCall({ graphql }) {
      for (const operation of graphql?.operations ?? []) {
        const why = whyNot(operation, settings);
        if (why !== null) throw new Fault('graphql/refused', why);
      }
    },
  };
}

/** Null: it is allowed. Of what is not known here nothing is, but by its name. */
function whyNot(
  { type, name, listed, byId }: AskedOperation,
  { only, types, names }: GraphqlOperationsSettings,
): string | null {
  const called = name === null ? 'The operation has no name, and' : `The operation "${name.slice(0, 100)}"`;
  if (only !== undefined && !listed) return `${called} is not on the list of those that are allowed here.`;
  if (only === 'named' && !byId)
    return 'Operations are asked for by their ids here, and their text is not sent.';
  if (types && (type === null || !types.includes(type)))
    return `${type === null ? 'What is not known here' : `A ${type}`} is not allowed here; ${types.join(' and ')} is.`;
  if (names && (name === null || !matchesAny(names, name))) return `${called} is not allowed here.`;
  return null;
}
