import Type, { type Static } from 'typebox';

export const KeyAuthSchema = Type.Object(
  {
    headers: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Za-z0-9-]+$' }), {
        minItems: 1,
        description:
          'Headers in which a key may come (authorization as a bearer token, x-api-key, x-goog-api-key and api-key).',
      }),
    ),
    query: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'A parameter of the query in which a key may come, too; it goes no further. Queries end up in logs along the way: only for clients that cannot do otherwise (none).',
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
