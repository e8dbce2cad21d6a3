import Type, { type TProperties, type TSchemaOptions } from 'typebox';
import type { PolicyKind } from '#core/contracts/policy.ts';

const kind = (name: string, properties: TProperties, options: TSchemaOptions = {}): PolicyKind => ({
  name,
  schema: Type.Object(properties, { additionalProperties: false, description: name, ...options }),
  create: () => ({ name, summary: name }),
});

/** Stand-ins with schemas such as real kinds have; configuration knows kinds by their registry only. */
export const policyKinds: ReadonlyMap<string, PolicyKind> = new Map(
  [
    kind('key-auth', {
      headers: Type.Optional(Type.Array(Type.String())),
      optional: Type.Optional(Type.Boolean()),
    }),
    kind('model-access', {}),
    kind(
      'rate-limit',
      {
        by: Type.Optional(Type.Union([Type.Literal('key'), Type.Literal('team')])),
        tokens: Type.Optional(Type.String({ pattern: '^\\d+/min$' })),
        requests: Type.Optional(Type.String({ pattern: '^\\d+/min$' })),
      },
      { anyOf: [{ required: ['tokens'] }, { required: ['requests'] }] },
    ),
  ].map((made) => [made.name, made]),
);
