import { Type, type Static } from 'typebox';

const rate = Type.String({
  pattern: '^[1-9][0-9]{0,14}/([1-9][0-9]{0,6})?(s|min|h|day)$',
  description: 'So many in any span of so long: `600/min`, `100000/5min`, `2000000/31day`. Up to 31 days.',
  examples: ['600/min', '10/s', '2000000/day'],
});
const rates = (what: string) =>
  Type.Union([rate, Type.Array(rate, { minItems: 1, maxItems: 8 })], {
    description: `${what}, such as \`600/min\`; a list holds several windows at once.`,
  });
const dimension = Type.Union([
  Type.Literal('key'),
  Type.Literal('project'),
  Type.Literal('team'),
  Type.Literal('model'),
]);

/** What `rate-limit` takes in a configuration. At least one of `requests` and `tokens` (checked by `create`). */
export const RateLimitSchema = Type.Object(
  {
    by: Type.Union([dimension, Type.Array(dimension, { minItems: 1, maxItems: 4, uniqueItems: true })], {
      description:
        'Who shares one limit. A list makes one limit for each combination: `[key, model]` is each key with each model.',
    }),
    tokens: Type.Optional(rates('Tokens in and out')),
    requests: Type.Optional(rates('Calls')),
    model: Type.Optional(
      Type.Union(
        [Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })],
        {
          description:
            'Models it applies to, by any of their names (`big-1`, `provider/big-1`); `*` stands for any text. All when left out. Other calls pass uncounted.',
        },
      ),
    ),
  },
  {
    additionalProperties: false,
    anyOf: [{ required: ['tokens'] }, { required: ['requests'] }],
    description: 'Limits requests and tokens in sliding windows, exactly, by key, project, team or model.',
  },
);

export type RateLimitSettings = Static<typeof RateLimitSchema>;
