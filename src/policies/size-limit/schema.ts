import Type, { type Static } from 'typebox';

const size = (description: string) =>
  Type.Optional(
    Type.Union([Type.String({ pattern: '^\\d{1,6}(B|KiB|MiB|GiB)$' }), Type.Integer({ minimum: 0 })], {
      title: 'a size such as "32MiB" or "64KiB"',
      description,
    }),
  );

export const SizeLimitSchema = Type.Object(
  {
    request: size(
      "Largest body of a request, within what the route's bodyLimit allows (no bound of its own).",
    ),
    response: size('Largest body of an answer on http routes (no bound).'),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    description: 'Bounds the bodies of requests and answers.',
  },
);
export type SizeLimitSettings = Static<typeof SizeLimitSchema>;
