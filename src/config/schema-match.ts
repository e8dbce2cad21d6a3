import Type, { type Static } from 'typebox';

const strict = { additionalProperties: false } as const;

const Pattern = Type.String({
  minLength: 1,
  description:
    'A regular expression for the whole text, in linear time: literals, ".", classes, groups, "|", "?", "*", "+", {n,m}, \\d \\w \\s.',
});

const Condition = Type.Union(
  [
    Type.String(),
    Type.Boolean(),
    Type.Object({ prefix: Type.String({ minLength: 1 }) }, strict),
    Type.Object({ pattern: Pattern }, strict),
  ],
  {
    title: 'a value, true (present), false (absent), { prefix: … } or { pattern: … }',
    description:
      'A value exactly, true for present, false for absent, { prefix: … } or { pattern: … }. Given twice in a request, a value is refused.',
  },
);
const tokenPattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$";
const byToken = (what: string, description: string) =>
  Type.Record(Type.String({ pattern: tokenPattern }), Condition, {
    ...strict,
    'x-keys': `a ${what} name`,
    description,
  });
const Names = (description: string) =>
  Type.Array(Type.String({ minLength: 1 }), { minItems: 1, description });

const headFields = {
  headers: Type.Optional(byToken('header', 'Headers the request must have, or must not.')),
  query: Type.Optional(
    Type.Record(Type.String(), Condition, {
      description: 'Parameters of the query, decoded, that the request must have, or must not.',
    }),
  ),
  cookies: Type.Optional(byToken('cookie', 'Cookies the request must have, or must not.')),
};
export const WhenSchema = Type.Object(headFields, {
  ...strict,
  minProperties: 1,
  description: 'Requests that take this part whatever the weights; all of it must hold.',
});

const OpenApi = Type.Union(
  [
    Type.String({ minLength: 1 }),
    Type.Object(
      {
        file: Type.String({
          minLength: 1,
          description: 'An OpenAPI document (3.0, 3.1), relative to this file.',
        }),
        operations: Type.Optional(
          Type.Array(Type.String({ minLength: 1 }), {
            minItems: 1,
            description: 'Those it takes, by operationId or as "GET /pets/{id}" (all).',
          }),
        ),
        basePath: Type.Optional(
          Type.String({
            pattern: '^(?:/.*[^/])?$',
            description: "Path below which the document's paths are (that of its servers).",
          }),
        ),
      },
      strict,
    ),
  ],
  {
    title: 'a file, or { file: …, operations: …, basePath: … }',
    description: 'In place of path and methods: the operations of an OpenAPI document.',
  },
);

export const MatchSchema = Type.Object(
  {
    host: Type.Optional(
      Type.String({ description: 'api.example.com, or *.example.com for all names below it.' }),
    ),
    openapi: Type.Optional(OpenApi),
    path: Type.Optional(
      Type.Union(
        [
          Type.String({ pattern: '^/', title: 'a path that begins with "/"' }),
          Type.Object({ pattern: Pattern }, { ...strict, title: '{ pattern: … }' }),
        ],
        {
          description:
            '/a/b exactly, /a/** with everything below, {name} for any one segment; or { pattern: … } for the whole path.',
        },
      ),
    ),
    methods: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Z]+$', title: 'a method in upper case' }), {
        minItems: 1,
        description: 'In upper case; with GET there is HEAD (all).',
      }),
    ),
    ...headFields,
    clients: Type.Optional(
      Type.Array(Type.String(), {
        minItems: 1,
        description: 'Addresses and CIDR ranges of clients, as trusted proxies name them.',
      }),
    ),
    models: Type.Optional(
      Names('Names and * patterns of models that the call must ask for. Only of llm routes.'),
    ),
    graphql: Type.Optional(
      Type.Object(
        {
          types: Type.Optional(
            Type.Array(
              Type.Union([Type.Literal('query'), Type.Literal('mutation'), Type.Literal('subscription')]),
              { minItems: 1, description: 'Types of operation.' },
            ),
          ),
          names: Type.Optional(Names('Names and * patterns of operations.')),
        },
        { ...strict, description: 'The GraphQL operation that the call must ask for. Only of http routes.' },
      ),
    ),
  },
  {
    ...strict,
    oneOf: [{ required: ['path'] }, { required: ['openapi'] }],
    description: 'Requests the route takes. The first route that matches is the one.',
  },
);

export type OpenApiMatch = Static<typeof OpenApi>;
export type MatchSettings = Static<typeof MatchSchema>;
export type ConditionSettings = Static<typeof Condition>;
