import { Type, type Static } from 'typebox';
import { dimensionPattern, type Dimension } from '#core/counted-subject.ts';
import { ratePattern } from '#core/rate.ts';

const rate = Type.String({
  pattern: ratePattern,
  description:
    'So many in any span of so long (`600/min`, `100000/5min`, `2000000/31day`), with a token bucket (`600/min burst 50`), or in a period of the calendar (`20000 per day`).',
  examples: ['600/min', '10/s burst 30', '2000000 per month'],
});
const rates = (what: string) =>
  Type.Optional(
    Type.Union([rate, Type.Array(rate, { minItems: 1, maxItems: 8 })], {
      description: `${what}, such as \`600/min\`; a list holds several windows at once.`,
    }),
  );
const dimension = Type.Unsafe<Dimension>(
  Type.String({
    pattern: dimensionPattern,
    description:
      '`key`, `consumer`, `project`, `team`, `model`, `tool`, `provider`, `route`, `address`, `header:NAME` or `claim:NAME`.',
    examples: ['key', 'project', 'team', 'model', 'tool', 'provider', 'route', 'address', 'header:x-tenant'],
  }),
);

/** What `rate-limit` takes in a configuration. At least one sort of rate (checked by `create`). */
export const RateLimitSchema = Type.Object(
  {
    by: Type.Union([dimension, Type.Array(dimension, { minItems: 1, maxItems: 4, uniqueItems: true })], {
      description:
        'Who shares one limit. A list makes one limit for each combination: `[key, model]` is each key with each model.',
    }),
    requests: rates('Calls'),
    tokens: rates('Tokens in and out'),
    inputTokens: rates('Tokens in'),
    outputTokens: rates('Tokens out'),
    money: rates('Cost in the currency'),
    cost: rates('What GraphQL operations cost, by the `cost` of their route'),
    currency: Type.Optional(
      Type.String({ pattern: '^[A-Z]{3}$', default: 'USD', description: 'Of `money`: that of the prices.' }),
    ),
    zone: Type.Optional(
      Type.String({ default: 'UTC', description: 'Time zone of days, weeks and months: `Europe/Berlin`.' }),
    ),
    unpriced: Type.Optional(
      Type.Union([Type.Literal('refuse'), Type.Literal('pass')], {
        default: 'refuse',
        description:
          'What becomes of calls to models without a price in the currency, under a limit of money.',
      }),
    ),
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
    anyOf: ['requests', 'tokens', 'inputTokens', 'outputTokens', 'money', 'cost'].map((sort) => ({
      required: [sort],
    })),
    description:
      'Limits requests, tokens, money and the cost of GraphQL in windows, exactly, by key, project, team, model, provider, route, address, header or claim.',
  },
);

export type RateLimitSettings = Static<typeof RateLimitSchema>;
