import Type, { type Static } from 'typebox';

const ranges = (description: string) =>
  Type.Optional(
    Type.Array(
      Type.String({
        pattern: '^[0-9A-Fa-f:.]+(?:/\\d{1,3})?$',
        title: 'an address or a range such as "10.0.0.0/8"',
      }),
      { minItems: 1, description },
    ),
  );

export const IpRestrictionSchema = Type.Object(
  {
    allow: ranges('Addresses and ranges (CIDR) that may call (all).'),
    deny: ranges('Those that may not, even if allowed (none).'),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    description: 'Which addresses may call.',
  },
);
export type IpRestrictionSettings = Static<typeof IpRestrictionSchema>;
