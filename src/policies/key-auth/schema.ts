import Type, { type Static } from 'typebox';

export const KeyAuthSchema = Type.Object(
  {
    headers: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Za-z0-9-]+$' }), {
        minItems: 1,
        description: 'Headers in which a key may come (authorization as a bearer token, and x-api-key).',
      }),
    ),
    optional: Type.Optional(
      Type.Boolean({
        description:
          'Let calls without any key pass, as nobody. A wrong key is refused all the same (false).',
      }),
    ),
  },
  { additionalProperties: false, description: 'Requires a key, and finds out whose it is.' },
);
export type KeyAuthSettings = Static<typeof KeyAuthSchema>;
