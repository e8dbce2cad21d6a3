import { Type, type Static } from 'typebox';
import { dimensionPattern, type Dimension } from '#core/counted-subject.ts';
import { ratePattern } from '#core/rate.ts';

const rate = Type.String({
  pattern: ratePattern,
  description:
    'So much in a period of the calendar (`500 per month`), or in any span of so long (`20/h`). Money has up to nine decimals.',
  examples: ['500 per month', '12.50 per day', '2000000/day'],
});
const rates = (what: string) =>
  Type.Optional(
    Type.Union([rate, Type.Array(rate, { minItems: 1, maxItems: 8 })], {
      description: `${what}, such as \`500 per month\`; a list holds several at once.`,
    }),
  );
const dimension = Type.Unsafe<Dimension>(
  Type.String({
    pattern: dimensionPattern,
    description:
      '`key`, `consumer`, `project`, `team`, `model`, `route`, `address`, `header:NAME` or `claim:NAME`.',
    examples: ['key', 'project', 'team', 'model', 'route', 'header:x-tenant'],
  }),
);
const percent = Type.Number({ exclusiveMinimum: 0, maximum: 100, description: 'Per cent of the budget.' });

/** What `budget` takes in a configuration. At least one sort (checked by `create`). */
export const BudgetSchema = Type.Object(
  {
    by: Type.Union([dimension, Type.Array(dimension, { minItems: 1, maxItems: 4, uniqueItems: true })], {
      description:
        'Who shares one budget. A list makes one for each combination: `[team, model]` is each team with each model.',
    }),
    money: rates('Cost in the currency'),
    tokens: rates('Tokens in and out'),
    inputTokens: rates('Tokens in'),
    outputTokens: rates('Tokens out'),
    currency: Type.Optional(
      Type.String({ pattern: '^[A-Z]{3}$', default: 'USD', description: 'Of `money`: that of the prices.' }),
    ),
    zone: Type.Optional(
      Type.String({ default: 'UTC', description: 'Time zone of days, weeks and months: `Europe/Berlin`.' }),
    ),
    hard: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          'Never passed in what is reserved: output is paid for ahead, block by block, and an answer ends where nothing is left.',
      }),
    ),
    warnAt: Type.Optional(
      Type.Union([percent, Type.Array(percent, { minItems: 1, maxItems: 8, uniqueItems: true })], {
        description: 'Per cent from which on answers carry `x-sluice-budget-warning`, and an event is told.',
      }),
    ),
    downgrade: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'The model that answers in place of the one asked for once the budget is used up. What it uses is counted all the same.',
      }),
    ),
    unpriced: Type.Optional(
      Type.Union([Type.Literal('refuse'), Type.Literal('pass')], {
        default: 'refuse',
        description:
          'What becomes of calls to models without a price in the currency, under a budget of money.',
      }),
    ),
    model: Type.Optional(
      Type.Union(
        [Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })],
        {
          description:
            'Models it applies to, by any of their names (`big-1`, `provider/big-1`); `*` stands for any text. All when left out.',
        },
      ),
    ),
  },
  {
    additionalProperties: false,
    anyOf: ['money', 'tokens', 'inputTokens', 'outputTokens'].map((sort) => ({ required: [sort] })),
    description: 'What may be spent in a period, in money or tokens, and what happens when it is.',
  },
);

export type BudgetSettings = Static<typeof BudgetSchema>;
