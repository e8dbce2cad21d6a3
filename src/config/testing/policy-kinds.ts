import Type from 'typebox';
import type { PolicyKind } from '#core/contracts/policy.ts';

const kind = (name: string, properties: Parameters<typeof Type.Object>[0]): PolicyKind => ({
  name,
  schema: Type.Object(properties, { additionalProperties: false, description: name }),
  create: () => ({ name, summary: name }),
});

/** Stand-ins with the schemas that real kinds have; configuration knows kinds by their registry only. */
export const policyKinds: ReadonlyMap<string, PolicyKind> = new Map(
  [
    kind('key-auth', {
      headers: Type.Optional(Type.Array(Type.String())),
      optional: Type.Optional(Type.Boolean()),
    }),
    kind('model-access', {}),
    kind('rate-limit', {
      by: Type.Optional(Type.String()),
      tokens: Type.Optional(Type.String({ pattern: '^\\d+/min$' })),
    }),
  ].map((made) => [made.name, made]),
);
