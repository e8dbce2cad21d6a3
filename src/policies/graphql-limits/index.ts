import type { Policy, PolicyKind } from '#core/contracts/policy.ts';
import { Fault } from '#core/fault.ts';
import type { AskedOperation } from '#core/graphql/graphql-call.ts';
import type { GraphqlLimitsSettings } from './schema.ts';

/** Bounds what GraphQL operations ask for. Of what is no GraphQL route it says nothing. */
export const graphqlLimits: PolicyKind<GraphqlLimitsSettings> = {
  name: 'graphql-limits',
  create: (settings) => createGraphqlLimits(settings),
};

type Limit = Exclude<keyof GraphqlLimitsSettings, 'introspection'>;

const usual: Readonly<Record<Limit, number>> = {
  maxDepth: 12,
  maxFields: 1000,
  maxBreadth: 100,
  maxRootFields: 20,
  maxAliases: 30,
  maxDirectives: 50,
  maxTokens: 5000,
  maxVariables: 1000,
  maxCost: Infinity,
};

/** The query that tools ask schemas by is so deep (https://github.com/graphql/graphql-js, getIntrospectionQuery). */
const introspectionDepth = 16;

function createGraphqlLimits({ introspection = 'refuse', ...limits }: GraphqlLimitsSettings): Policy {
  const allowed = { ...usual, ...limits };
  const told = Object.entries(allowed).flatMap(([name, most]) =>
    most === Infinity ? [] : [`${name.slice(3).toLowerCase()} ${most}`],
  );
  return {
    name: 'graphql-limits',
    summary: `at most ${told.join(', ')}; introspection: ${introspection}`,
    onCall({ graphql }) {
      if (!graphql) return;
      for (const operation of graphql.operations) judge(operation, allowed, introspection === 'allow');
      hold('cost', graphql.cost, allowed.maxCost);
    },
  };
}

/** @throws Fault that says which limit, what came and what is allowed. */
function judge(
  { measures, tokens, variables }: AskedOperation,
  allowed: Readonly<Record<Limit, number>>,
  introspection: boolean,
): void {
  // What cannot be measured cannot be held to a limit.
  if (!measures)
    throw new Fault(
      'graphql/unknown-document',
      'The operation was named, and its document is not known here. Send it.',
    );
  if (measures.introspects && !introspection)
    throw new Fault('graphql/refused', 'Introspection is not allowed here.', {
      extensions: { limit: 'introspection' },
    });
  hold('tokens', tokens, allowed.maxTokens);
  hold('depth', measures.depth, allowed.maxDepth);
  hold('depth', measures.introspectionDepth, Math.max(allowed.maxDepth, introspectionDepth));
  hold('fields', measures.fields, allowed.maxFields);
  hold('breadth', measures.breadth, allowed.maxBreadth);
  hold('root fields', measures.rootFields, allowed.maxRootFields);
  hold('aliases', measures.aliases, allowed.maxAliases);
  hold('directives', measures.directives, allowed.maxDirectives);
  hold('variables', variables, allowed.maxVariables);
}

function hold(limit: string, came: number, allowed: number): void {
  if (came <= allowed) return;
  throw new Fault(
    'graphql/limit-exceeded',
    `The operation has ${limit} ${came}; at most ${allowed} is allowed.`,
    {
      extensions: { limit, came, allowed },
    },
  );
}
