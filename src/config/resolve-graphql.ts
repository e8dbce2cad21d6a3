import { usualCosts, type CostRules } from '#core/graphql/cost-rules.ts';
import { GraphqlError } from '#core/graphql/graphql-error.ts';
import type { DocumentRules, GraphqlRules, ListedDocument } from '#core/graphql/graphql-rules.ts';
import { parseDocument } from '#core/graphql/parse-document.ts';
import { parseSchema } from '#core/graphql/parse-schema.ts';
import type { GraphqlSchema } from '#core/graphql/schema.ts';
import { isObject } from '#core/read-json.ts';
import type { Add } from './resolve-match.ts';
import type { GraphqlSettings } from './schema-graphql.ts';

export function resolveGraphql(settings: GraphqlSettings, add: Add): GraphqlRules {
  const { maxTokens = 20_000, maxBatch = 1 } = settings;
  const costs = costsOf(settings.cost);
  return {
    maxTokens,
    maxBatch,
    costs,
    schema: settings.schema === undefined ? null : schemaOf(settings.schema, costs, add),
    documents: settings.documents ? documentsOf(settings.documents, maxTokens, add) : null,
  };
}

function costsOf(cost: GraphqlSettings['cost'] = {}): CostRules {
  const { query, mutation, subscription } = usualCosts.base;
  return {
    weights: cost.weights ?? usualCosts.weights,
    sizes: cost.sizes ?? usualCosts.sizes,
    listSize: cost.listSize ?? usualCosts.listSize,
    base: {
      query: cost.query ?? query,
      mutation: cost.mutation ?? mutation,
      subscription: cost.subscription ?? subscription,
    },
  };
}

/** A weight of what the schema does not have would never count. */
function schemaOf(text: string, { weights }: CostRules, add: Add): GraphqlSchema | null {
  const schema = understood(
    () => parseSchema(text),
    (message) => add('to.schema', message),
  );
  for (const name of schema ? Object.keys(weights) : []) {
    const [type, field] = name.split('.') as [string, string?];
    if (field === undefined || type === '*') continue;
    const fields = Object.hasOwn(schema!.types, type) ? schema!.types[type]! : null;
    if (!fields || !Object.hasOwn(fields, field)) add('to.cost.weights', `the schema has no field "${name}"`);
  }
  return schema;
}

function documentsOf(
  { automatic = false, listed = [] }: NonNullable<GraphqlSettings['documents']>,
  maxTokens: number,
  add: Add,
): DocumentRules {
  const documents = listed.flatMap((text, i) => {
    const tell = (message: string) => add(`to.documents.listed.${i}`, message);
    const entries = /^\s*[[{]\s*["}\]{]/.test(text) ? manifestIn(text, tell) : [{ id: null, text }];
    for (const entry of entries) understood(() => parseDocument(entry.text, maxTokens), tell);
    return entries;
  });
  return { automatic, listed: documents };
}

/** A list of operations with `id` and `body` (https://www.apollographql.com/docs/graphos/operations/persisted-queries), or texts by their ids. */
function manifestIn(text: string, tell: (message: string) => void): ListedDocument[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    tell(`is not valid JSON: ${(error as Error).message}`);
    return [];
  }
  const operations = isObject(parsed) && Array.isArray(parsed['operations']) ? parsed['operations'] : null;
  const entries: [unknown, unknown][] = operations
    ? operations.map((one: unknown) => (isObject(one) ? [one['id'], one['body']] : [null, null]))
    : Object.entries(isObject(parsed) ? parsed : {});
  return entries.flatMap(([id, body]) => {
    if (typeof id === 'string' && typeof body === 'string') return [{ id, text: body }];
    tell('expected a manifest of operations with "id" and "body", or an object of documents by their ids');
    return [];
  });
}

function understood<T>(read: () => T, tell: (message: string) => void): T | null {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof GraphqlError)) throw error;
    tell(error.message);
    return null;
  }
}
