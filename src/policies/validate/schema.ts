import Type, { type Static } from 'typebox';
import type { DocumentSet } from '#core/document-set.ts';

const strict = { additionalProperties: false } as const;
const size = (description: string) =>
  Type.Optional(
    Type.Union([Type.String({ pattern: '^\\d{1,6}(B|KiB|MiB|GiB)$' }), Type.Integer({ minimum: 0 })], {
      title: 'a size such as "32MiB" or "64KiB"',
      description,
    }),
  );
const JsonSchema = (description: string) =>
  Type.Union([Type.Boolean(), Type.Record(Type.String(), Type.Unknown())], {
    title: 'a JSON Schema',
    description,
  });
const Values = (what: string) =>
  Type.Optional(
    Type.Object(
      {
        properties: Type.Record(Type.String(), JsonSchema('Of one of them.')),
        required: Type.Optional(Type.Array(Type.String(), { description: 'Those that must be there.' })),
      },
      { ...strict, description: `${what}: schemas by name; texts are read as the types they name.` },
    ),
  );
const Mode = (what: string, usual: string) =>
  Type.Optional(
    Type.Union([Type.Literal('enforce'), Type.Literal('report'), Type.Literal('off')], {
      description: `${what} that are not as described: refused, only noted, or not looked at (${usual}).`,
    }),
  );

export const ValidateSchema = Type.Object(
  {
    openapi: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'File of an OpenAPI document (3.0, 3.1), relative to this one: it describes everything.',
      }),
    ),
    basePath: Type.Optional(
      Type.String({
        pattern: '^(?:/.*[^/])?$',
        description: "Path below which the document's paths are (those of its servers).",
      }),
    ),
    unknown: Type.Optional(
      Type.Union([Type.Literal('refuse'), Type.Literal('pass')], {
        description: 'Requests for what the document does not have (refuse: 404 or 405).',
      }),
    ),
    request: Type.Optional(
      Type.Object(
        {
          body: Type.Optional(JsonSchema('Of the body.')),
          bodyRequired: Type.Optional(Type.Boolean({ description: 'There must be one (true).' })),
          contentTypes: Type.Optional(
            Type.Array(Type.String({ pattern: '^[^/\\s]+/[^/\\s]+$' }), {
              minItems: 1,
              description: 'Media types the body may have (application/json).',
            }),
          ),
          query: Values('Parameters of the query'),
          headers: Values('Headers'),
          cookies: Values('Cookies'),
          template: Type.Optional(
            Type.String({ pattern: '^/', description: 'Path with its parameters: /users/{id}.' }),
          ),
          path: Values('Parameters of the path'),
        },
        { ...strict, description: 'What requests must be, without an OpenAPI document.' },
      ),
    ),
    response: Type.Optional(
      Type.Record(Type.String({ pattern: '^(?:[1-5]\\d\\d|[1-5]XX|default)$' }), JsonSchema('Of the body.'), {
        ...strict,
        'x-keys': 'a status such as "200", "2XX" or "default"',
        description: 'What bodies of answers must be, by status.',
      }),
    ),
    requests: Mode('Requests', 'enforce'),
    responses: Mode('Answers', 'report'),
    unknownParameters: Type.Optional(
      Type.Union([Type.Literal('refuse'), Type.Literal('pass')], {
        description: 'Parameters of the query that are not described (pass).',
      }),
    ),
    dialect: Type.Optional(
      Type.Union([Type.Literal('2020-12'), Type.Literal('draft-07'), Type.Literal('openapi-3.0')], {
        description: 'Of schemas that do not say it by "$schema" (2020-12).',
      }),
    ),
    formats: Type.Optional(Type.Boolean({ description: 'Hold values to "format" (true).' })),
    maxBody: size('Largest body that is looked at (1MiB).'),
    maxDepth: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 200, description: 'Levels of nesting of a JSON body (64).' }),
    ),
    maxErrors: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100, description: 'Places that are told at once (8).' }),
    ),
  },
  {
    ...strict,
    anyOf: [{ required: ['openapi'] }, { required: ['request'] }, { required: ['response'] }],
    'x-documents': 'openapi',
    description: 'Holds requests and answers to JSON Schema or an OpenAPI document.',
  },
);

export type ValidateSettings = Static<typeof ValidateSchema> & {
  /** What the files hold that the settings refer to; put there when the configuration is read. */
  readonly documents?: DocumentSet;
};
