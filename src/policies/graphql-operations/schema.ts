import Type, { type Static } from 'typebox';

export const GraphqlOperationsSchema = Type.Object(
  {
    only: Type.Optional(
      Type.Union([Type.Literal('listed'), Type.Literal('named')], {
        description:
          'listed: what is on the list of the route (`documents.listed`), however it comes; named: what is on it and comes by its id or hash, without its text (whatever comes).',
      }),
    ),
    types: Type.Optional(
      Type.Array(
        Type.Union([Type.Literal('query'), Type.Literal('mutation'), Type.Literal('subscription')]),
        { minItems: 1, description: 'Types of operation (all).' },
      ),
    ),
    names: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        minItems: 1,
        description: 'Names and * patterns of operations; one without a name is none of them (all).',
      }),
    ),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    description: 'Allows some GraphQL operations, and no others.',
  },
);
export type GraphqlOperationsSettings = Static<typeof GraphqlOperationsSchema>;
