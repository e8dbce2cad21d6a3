import Type, { type Static } from 'typebox';

export const HmacAuthSchema = Type.Object(
  {
    skew: Type.Optional(
      Type.Union([Type.String({ pattern: '^\\d{1,9}(ms|s|min|h|d)$' }), Type.Integer({ minimum: 0 })], {
        title: 'a duration such as "30s", "500ms" or "5min"',
        description: 'How far the time of a signature may be from ours, on either side (5min).',
      }),
    ),
    nonce: Type.Optional(
      Type.Union([Type.Literal('required'), Type.Literal('optional')], {
        description:
          'Must a signature have a nonce? One that has is taken once; one without can be sent again within the skew (required).',
      }),
    ),
    components: Type.Optional(
      Type.Array(Type.String({ pattern: '^@?[a-z0-9-]+$' }), {
        description:
          'What a signature must cover (@method, @authority, @path, @query; @target-uri stands for the last three).',
      }),
    ),
    optional: Type.Optional(
      Type.Boolean({
        description:
          'Let calls without a signature pass, as nobody. A wrong one is refused all the same (false).',
      }),
    ),
  },
  {
    additionalProperties: false,
    description:
      "Requires a signature by a consumer's secret (RFC 9421, hmac-sha256); bodies by their digest (RFC 9530).",
  },
);
export type HmacAuthSettings = Static<typeof HmacAuthSchema>;
