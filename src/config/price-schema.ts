import Type, { type Static } from 'typebox';
import { strict } from './schema-parts.ts';

const Amount = Type.Union(
  [Type.String({ pattern: '^\\d{1,12}(\\.\\d{1,9})?$' }), Type.Number({ minimum: 0 })],
  {
    title: 'a decimal amount such as "2.50", with at most nine places',
    description: 'An amount of currency as a decimal, such as "2.50".',
  },
);
export const Percent = Type.String({
  pattern: '^\\d{1,6}(\\.\\d{1,6})?%$',
  title: 'a percentage such as "20%" or "12.5%"',
  description: 'A percentage, such as "20%" or "12.5%".',
});
const From = Type.String({
  pattern: '^\\d{4}-\\d\\d-\\d\\d(T\\d\\d:\\d\\d(:\\d\\d(\\.\\d{1,9})?)?(Z|[+-]\\d\\d:\\d\\d))?$',
  title: 'a day such as 2026-12-01 or a time such as 2026-12-01T00:00:00Z',
  description: 'In force from here on, in UTC; without it, from ever.',
});
const tokenPrices = {
  input: Type.Optional(Amount),
  output: Type.Optional(Amount),
  cacheRead: Type.Optional(Amount),
  cacheReadAudio: Type.Optional(Amount),
  cacheReadImage: Type.Optional(Amount),
  cacheReadVideo: Type.Optional(Amount),
  cacheWrite: Type.Optional(Amount),
  cacheWrite30m: Type.Optional(Amount),
  cacheWrite1h: Type.Optional(Amount),
  cacheWrite12h: Type.Optional(Amount),
  toolInput: Type.Optional(Amount),
  reasoning: Type.Optional(Amount),
  prediction: Type.Optional(Amount),
  inputAudio: Type.Optional(Amount),
  inputImage: Type.Optional(Amount),
  inputVideo: Type.Optional(Amount),
  outputAudio: Type.Optional(Amount),
  outputImage: Type.Optional(Amount),
  outputVideo: Type.Optional(Amount),
};
const otherPrices = {
  request: Type.Optional(Amount),
  units: Type.Optional(
    Type.Record(Type.String({ pattern: '^[a-z][a-z0-9_]{0,63}$' }), Amount, {
      ...strict,
      'x-keys': 'a unit such as "searches" or "images"',
      description:
        'What one of a thing costs that is billed apart from tokens: `searches`, `images`, `seconds`.',
    }),
  ),
};

const PriceTierSchema = Type.Object(
  {
    fromInputTokens: Type.Union(
      [Type.Integer({ minimum: 1 }), Type.String({ pattern: '^[1-9][0-9]{0,8}$' })],
      {
        description: 'From this many input tokens on, cached ones included, the whole call is billed so.',
      },
    ),
    ...tokenPrices,
  },
  { ...strict, description: 'What it does not name costs what it costs without the tier.' },
);
const tiers = Type.Optional(
  Type.Array(PriceTierSchema, {
    minItems: 1,
    description: 'Other prices for calls with a long input, by ascending `fromInputTokens`.',
  }),
);

/** A share of the usual price, or other prices. */
const VariantSchema = Type.Union([
  Percent,
  Type.Object(
    { ...tokenPrices, ...otherPrices, tiers },
    { ...strict, description: 'What it does not name costs what it usually does.' },
  ),
]);

const PriceVersionSchema = Type.Object(
  {
    from: Type.Optional(From),
    per: Type.Optional(
      Type.Union([Type.Literal('million'), Type.Literal('thousand')], {
        description: 'Tokens the amounts are for (million).',
      }),
    ),
    currency: Type.Optional(
      Type.String({ pattern: '^[A-Z]{3}$', title: 'a currency such as USD', description: 'ISO 4217 (USD).' }),
    ),
    ...tokenPrices,
    ...otherPrices,
    tiers,
    serviceTiers: Type.Optional(
      Type.Record(Type.String({ pattern: '^[a-z0-9][a-z0-9_-]{0,63}$' }), VariantSchema, {
        ...strict,
        'x-keys': 'a service tier such as "flex" or "priority"',
        description:
          "Prices by how a call was served, in the provider's words: a share of the usual price, or other amounts.",
      }),
    ),
    batch: Type.Optional(VariantSchema),
  },
  {
    ...strict,
    description:
      'What a model costs. Tokens of a class without an amount cost what plain tokens of their direction do.',
  },
);

export const PriceSchema = Type.Union([
  PriceVersionSchema,
  Type.Array(PriceVersionSchema, {
    minItems: 1,
    description: 'Versions of a price, by ascending `from`: the one in force when an attempt begins counts.',
  }),
]);

/** By provider/model, and by bare names for http routes. */
export const pricesSchema = Type.Record(Type.String({ pattern: '^[^/\\s]+(/\\S+)?$' }), PriceSchema, {
  ...strict,
  'x-keys': 'provider/model, or a name for http routes',
  description:
    'What it costs: by provider/model, provider/* for all of its models, and by other names for http routes that meter units.',
});

const ChargeSchema = Type.Object(
  {
    markup: Type.Optional(
      Type.Union([
        Percent,
        Type.Array(Type.Object({ from: Type.Optional(From), markup: Percent }, strict), {
          minItems: 1,
          description: 'By ascending `from`.',
        }),
      ]),
    ),
    prices: Type.Optional(
      Type.Record(Type.String({ pattern: '^([^/\\s]+/\\S+|\\*|[^/\\s*]+)$' }), PriceSchema, {
        ...strict,
        'x-keys': 'provider/model, provider/* or *',
        description: 'Prices of their own, by provider/model, provider/* or *.',
      }),
    ),
  },
  {
    ...strict,
    description: 'Prices of their own where there are some; for the rest the cost and this much more of it.',
  },
);
const byName = (description: string) =>
  Type.Optional(
    Type.Record(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$' }), ChargeSchema, {
      ...strict,
      'x-keys': 'a name',
      description,
    }),
  );

export const chargesSchema = Type.Object(
  {
    all: Type.Optional(ChargeSchema),
    teams: byName('By team.'),
    projects: byName('By project. What it does not say, its team does, and then `all`.'),
  },
  { ...strict, description: 'What customers pay (what it costs).' },
);

export type PriceSettings = Static<typeof PriceSchema>;
export type PriceVersionSettings = Static<typeof PriceVersionSchema>;
export type VariantSettings = Static<typeof VariantSchema>;
export type TierSettings = Static<typeof PriceTierSchema>;
export type ChargeSettings = Static<typeof ChargeSchema>;
