import Type, { type TProperties, type TSchemaOptions } from 'typebox';

const settings = (name: string, properties: TProperties, options: TSchemaOptions = {}): [string, object] => [
  name,
  Type.Object(properties, { additionalProperties: false, description: name, ...options }),
];

/** Stand-ins with schemas such as real kinds have; configuration knows kinds by their registry only. */
export const policySchemas: ReadonlyMap<string, object> = new Map([
  settings('key-auth', {
    headers: Type.Optional(Type.Array(Type.String())),
    optional: Type.Optional(Type.Boolean()),
  }),
  settings('model-access', {}),
  settings(
    'rate-limit',
    {
      by: Type.Optional(Type.Union([Type.Literal('key'), Type.Literal('team')])),
      tokens: Type.Optional(Type.String({ pattern: '^\\d+/min$' })),
      requests: Type.Optional(Type.String({ pattern: '^\\d+/min$' })),
    },
    { anyOf: [{ required: ['tokens'] }, { required: ['requests'] }] },
  ),
]);
