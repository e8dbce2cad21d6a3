import Type, { type Static } from 'typebox';

const strict = { additionalProperties: false } as const;
const Amount = Type.Union(
  [Type.String({ pattern: '^\\d{1,12}(\\.\\d{1,9})?$' }), Type.Number({ minimum: 0 })],
  {
    title: 'a decimal amount such as "2.50", with at most nine places',
    description: 'An amount of currency as a decimal, such as "2.50".',
  },
);
const otherTokenPrices = {
  cacheRead: Type.Optional(Amount),
  cacheWrite: Type.Optional(Amount),
  cacheWrite1h: Type.Optional(Amount),
  reasoning: Type.Optional(Amount),
  inputAudio: Type.Optional(Amount),
  outputAudio: Type.Optional(Amount),
  inputImage: Type.Optional(Amount),
  outputImage: Type.Optional(Amount),
};

const PriceTierSchema = Type.Object(
  {
    fromInputTokens: Type.Union(
      [Type.Integer({ minimum: 1 }), Type.String({ pattern: '^[1-9][0-9]{0,8}$' })],
      {
        description: 'From this many input tokens on, cached ones included, the whole call is billed so.',
      },
    ),
    input: Type.Optional(Amount),
    output: Type.Optional(Amount),
    ...otherTokenPrices,
  },
  { ...strict, description: 'What it does not name costs what it costs without the tier.' },
);

export const PriceSchema = Type.Object(
  {
    per: Type.Optional(
      Type.Union([Type.Literal('million'), Type.Literal('thousand')], {
        description: 'Tokens the amounts are for (million).',
      }),
    ),
    currency: Type.Optional(Type.String({ pattern: '^[A-Z]{3}$', description: 'ISO 4217 (USD).' })),
    input: Amount,
    output: Amount,
    ...otherTokenPrices,
    request: Type.Optional(Amount),
    units: Type.Optional(
      Type.Record(Type.String({ pattern: '^[a-z_]+$' }), Amount, {
        description: 'What one of a thing costs that is billed apart from tokens: `searches`, `fetches`.',
      }),
    ),
    batch: Type.Optional(
      Type.Union(
        [
          Type.String({
            pattern: '^(100|\\d{1,2})(\\.\\d{1,2})?%$',
            description: 'A share of every amount, such as "50%".',
          }),
          Type.Object({ input: Amount, output: Amount, ...otherTokenPrices }, strict),
        ],
        {
          title: 'a share such as "50%", or amounts of its own',
          description: 'What calls in batches cost (the same, where nothing is said).',
        },
      ),
    ),
    tiers: Type.Optional(
      Type.Array(PriceTierSchema, {
        minItems: 1,
        description: 'Other prices for calls with a long input, by ascending `fromInputTokens`.',
      }),
    ),
  },
  {
    ...strict,
    description:
      'What a model costs. Tokens of a class without an amount cost what plain tokens of their direction do.',
  },
);

export type PriceSettings = Static<typeof PriceSchema>;
