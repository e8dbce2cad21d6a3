import Type, { type Static } from 'typebox';

const bound = (description: string, maximum = 1_000_000_000) =>
  Type.Optional(Type.Integer({ minimum: 0, maximum, description }));

export const GraphqlLimitsSchema = Type.Object(
  {
    maxDepth: bound('Fields in fields (12).', 240),
    maxFields: bound('Fields in all (1000).'),
    maxBreadth: bound('Fields of one selection (100).'),
    maxRootFields: bound('Fields at the root (20).'),
    maxAliases: bound('Aliases (30).'),
    maxDirectives: bound('Directives (50).'),
    maxTokens: bound('Tokens of the document (5000).'),
    maxVariables: bound('Variables declared, or values sent for them, whatever they are in (1000).'),
    maxCost: bound("What an operation may cost, by the route's `cost`; of a batch all together (no bound)."),
    introspection: Type.Optional(
      Type.Union([Type.Literal('refuse'), Type.Literal('allow')], {
        description: 'Of `__schema` and `__type` (refuse).',
      }),
    ),
  },
  {
    additionalProperties: false,
    description: 'Bounds what a GraphQL operation asks for, before the server hears of it.',
  },
);
export type GraphqlLimitsSettings = Static<typeof GraphqlLimitsSchema>;
