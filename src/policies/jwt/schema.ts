import { Type, type Static } from 'typebox';
import { IssuerSchema } from '#identity/schema-issuer.ts';

/** What `jwt` takes in a configuration. */
export const JwtSchema = Type.Object(
  {
    issuers: Type.Array(IssuerSchema, {
      minItems: 1,
      maxItems: 100,
      description: 'Whose tokens are believed, and whom they stand for.',
    }),
    headers: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Za-z0-9-]+$' }), {
        minItems: 1,
        description: 'Headers in which a token may come (authorization, as a bearer token).',
      }),
    ),
    cookie: Type.Optional(
      Type.String({
        pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
        description: 'A cookie in which a token may come, too (none).',
      }),
    ),
    query: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'A parameter of the query in which a token may come, too. Queries end up in logs along the way: only for clients that cannot do otherwise (none).',
      }),
    ),
    forward: Type.Optional(Type.Boolean({ description: 'Send the token on to the upstream (false).' })),
    optional: Type.Optional(
      Type.Boolean({
        description:
          'Let calls without any token pass, as nobody. A wrong one is refused all the same (false).',
      }),
    ),
  },
  {
    additionalProperties: false,
    description: 'Requires a signed token (JWT) of an issuer that is believed, and finds out whose it is.',
  },
);

export type JwtSettings = Static<typeof JwtSchema>;
