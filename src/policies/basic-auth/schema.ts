import Type, { type Static } from 'typebox';

export const BasicAuthSchema = Type.Object(
  {
    realm: Type.Optional(
      Type.String({
        pattern: '^[\\x20\\x21\\x23-\\x5b\\x5d-\\x7e]{1,64}$',
        title: 'printable ASCII without quotes and backslashes',
        description: 'What browsers show when they ask for a password (sluice).',
      }),
    ),
    optional: Type.Optional(
      Type.Boolean({
        description:
          'Let calls without a password pass, as nobody. A wrong one is refused all the same (false).',
      }),
    ),
  },
  {
    additionalProperties: false,
    description: "Requires a consumer's user name and password (RFC 7617).",
  },
);
export type BasicAuthSettings = Static<typeof BasicAuthSchema>;
