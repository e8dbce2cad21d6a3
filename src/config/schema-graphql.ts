import Type, { type Static } from 'typebox';
import { HttpUrl, name, strict } from './schema-parts.ts';

const weight = { minimum: 0, maximum: 1_000_000_000 };

export const GraphqlCostSchema = Type.Object(
  {
    weights: Type.Optional(
      Type.Record(
        Type.String({
          pattern:
            '^([A-Za-z_][A-Za-z0-9_]*|\\*\\.[A-Za-z_][A-Za-z0-9_]*|[A-Za-z_][A-Za-z0-9_]*\\.[A-Za-z_][A-Za-z0-9_]*)$',
        }),
        Type.Integer(weight),
        {
          ...strict,
          'x-keys': 'a type, "Type.field" or "*.field"',
          description:
            'By `Type.field` or `*.field` what asking for a field costs (0); by `Type` what each object or value of it costs (1 of what has fields, else 0).',
        },
      ),
    ),
    sizes: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }), {
        description: 'Arguments that say how many a list has at most ([first, last, limit]).',
      }),
    ),
    listSize: Type.Optional(
      Type.Integer({
        ...weight,
        description:
          'How many a list is taken to have that does not say; without a schema nobody knows which are lists (10).',
      }),
    ),
    query: Type.Optional(Type.Integer({ ...weight, description: 'What a query costs by itself (0).' })),
    mutation: Type.Optional(
      Type.Integer({ ...weight, description: 'What a mutation costs by itself (10).' }),
    ),
    subscription: Type.Optional(
      Type.Integer({ ...weight, description: 'What a subscription costs by itself (0).' }),
    ),
  },
  { ...strict, description: 'What operations cost, for limits, receipts and prices.' },
);

export const graphqlFields = {
  graphql: Type.Union([HttpUrl, name('A name under upstreams.'), Type.Array(HttpUrl, { minItems: 1 })], {
    description: 'URLs of the GraphQL server, whole and taken in turn; or a name under upstreams.',
  }),
  schema: Type.Optional(
    Type.String({
      minLength: 1,
      title: "a schema's text, such as '${file:schema.graphql}'",
      description:
        "The server's schema, in its own language or as the answer to an introspection query in JSON. Write ${file:path}.",
    }),
  ),
  documents: Type.Optional(
    Type.Object(
      {
        automatic: Type.Optional(
          Type.Boolean({
            description:
              'Clients may send a document once and its SHA-256 from then on, each for its project (false).',
          }),
        ),
        listed: Type.Optional(
          Type.Array(Type.String({ minLength: 1 }), {
            minItems: 1,
            description:
              'Documents that clients may name: texts with operations, manifests, or JSON objects of documents by their ids. Write ${file:path}.',
          }),
        ),
      },
      { ...strict, description: 'Documents that clients may name instead of sending them.' },
    ),
  ),
  cost: Type.Optional(GraphqlCostSchema),
  maxTokens: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'Larger documents are not read (20000).' }),
  ),
  maxBatch: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1000,
      description: 'Operations that a list in one request may have; 1 takes no lists (1).',
    }),
  ),
};
const GraphqlSettings = Type.Object(graphqlFields);
export type GraphqlSettings = Static<typeof GraphqlSettings>;
