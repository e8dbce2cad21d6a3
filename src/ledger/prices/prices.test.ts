import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { costOf, parsePrice, renderAmount } from '#core/money.ts';
import { priceAt, priceFor, priceLines, type PriceVersion } from '#core/price.ts';
import { inputLine, outputLine, type UsageLine } from '#core/usage.ts';
import { mapPrice, mapPriceOfThousand } from './nano-price.ts';
import { inForceAt, mapPriceVersion, mapSchedule, seedPrices } from './seed-prices.ts';

const long = Boolean(process.env['SLUICE_LONG']);
const parameters = { numRuns: long ? 50_000 : 500, seed: long ? Date.now() : 11 };
const november = Date.UTC(2026, 10, 23);

test('1,000 tokens at $0.06 per thousand cost exactly $0.06', () => {
  const price = mapPrice(60);
  assert.equal(renderAmount(costOf(1_000, price)), '0.06');
  assert.equal(costOf(1_000, price), 60_000_000n);
});

test('prices are what was written, not what a float makes of it', () => {
  assert.equal(mapPrice(0.0375), 37_500_000n);
  assert.equal(mapPrice(0.003625), 3_625_000n);
  assert.equal(mapPrice(1e-7), 100n);
  assert.equal(mapPrice(1e21), 10n ** 30n);
  assert.equal(mapPrice(0.18000000000000002), 180_000_000n);
  assert.equal(mapPrice(0.08333333333333334), 83_333_333n);
  assert.equal(mapPriceOfThousand(5), 5_000_000n);
  for (const wrong of [-1, NaN, Infinity]) assert.throws(() => mapPrice(wrong), RangeError);
});

test('a price of up to nine places goes through a number and comes back exactly', () => {
  const decimals = fc.tuple(fc.integer({ min: 0, max: 99_999 }), fc.integer({ min: 0, max: 999_999_999 }));
  fc.assert(
    fc.property(decimals, ([whole, fraction]) => {
      const text = `${whole}.${String(fraction).padStart(9, '0')}`;
      assert.equal(mapPrice(Number(text)), parsePrice(text));
    }),
    parameters,
  );
});

const amount = fc.bigInt({ min: 0n, max: 10n ** 12n });
const flat = fc.record({ input: amount, output: amount, cacheRead: amount, reasoning: amount });
const line: fc.Arbitrary<UsageLine> = fc.record({
  direction: fc.constantFrom('input', 'output', 'tool-input'),
  modality: fc.constantFrom('text', 'audio', 'image', 'video'),
  cache: fc.constantFrom('none', 'read', 'write-5m', 'write-30m', 'write-1h', 'write-12h'),
  kind: fc.constantFrom('plain', 'reasoning'),
  count: fc.integer({ min: 0, max: 100_000_000 }),
});
const named = (prices: Omit<PriceVersion, 'version' | 'currency'>): PriceVersion => ({
  version: 'test/1',
  currency: 'USD',
  ...prices,
});

test('each line is rounded once, and disjoint parts cost what the whole does within a unit for each part', () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), flat, (lines, prices) => {
      const price = named(prices);
      const priced = priceLines(lines, price);
      const exact = lines.reduce((sum, one) => sum + BigInt(one.count) * priceFor(one, price), 0n);
      const total = priced.reduce((sum, one) => sum + one.costNano, 0n);
      const off = total * 1_000_000n - exact;
      assert.equal(priced.length, lines.length);
      assert.ok((off < 0n ? -off : off) <= BigInt(lines.length) * 500_000n, `off by ${off}`);
      const halves = [lines.slice(0, 3), lines.slice(3)].flatMap((part) => priceLines(part, price));
      assert.equal(
        halves.reduce((sum, one) => sum + one.costNano, 0n),
        total,
      );
    }),
    parameters,
  );
});

test('more never costs less, also over the edge of a tier', () => {
  const counts = fc.tuple(fc.integer({ min: 0, max: 400_000 }), fc.integer({ min: 0, max: 400_000 }));
  fc.assert(
    fc.property(counts, counts, flat, ([input, output], [moreInput, moreOutput], prices) => {
      const dearer = named({ ...prices, input: prices.input * 2n, output: prices.output + 1n });
      const price = named({ ...prices, tiers: [{ fromInputTokens: 200_000, then: dearer }] });
      const cost = (lines: UsageLine[]): bigint =>
        priceLines(lines, price).reduce((sum, one) => sum + one.costNano, 0n);
      const less = cost([inputLine(input), outputLine(output)]);
      assert.ok(cost([inputLine(input + moreInput), outputLine(output + moreOutput)]) >= less);
    }),
    parameters,
  );
});

test('tiers of the data hold above their start, ours from the next token on', () => {
  const price = mapPriceVersion('v', {
    input_mtok: { base: 2.5, tiers: [{ start: 271_999, price: 5 }] },
    output_mtok: 15,
  })!;
  assert.deepEqual(
    price.tiers?.map((tier) => [tier.fromInputTokens, tier.then.version, tier.then.input, tier.then.output]),
    [[272_000, 'v+272000', 5_000_000_000n, 15_000_000_000n]],
  );
  const cost = (count: number): bigint => priceLines([inputLine(count)], price)[0]!.costNano;
  assert.equal(cost(271_999), costOf(271_999, mapPrice(2.5)));
  assert.equal(cost(272_000), costOf(272_000, mapPrice(5)));
});

test('the price in force is the latest that has begun; of prices by the hour, the dearest', () => {
  const prices = [
    { prices: { input_mtok: 1, output_mtok: 2 } },
    {
      constraint: { type: 'start_date' as const, start_date: '2026-08-17' },
      prices: { input_mtok: 3, output_mtok: 4 },
    },
  ];
  assert.equal(inForceAt(prices, Date.UTC(2026, 7, 16, 23, 59)).price['input_mtok'], 1);
  assert.deepEqual(inForceAt(prices, Date.UTC(2026, 7, 17)), {
    price: prices[1]!.prices,
    suffix: '@2026-08-17',
  });
  const hours = { type: 'time_of_date' as const, start_time: '01:00:00Z', end_time: '04:00:00Z' };
  const peak = { constraint: hours, prices: { input_mtok: 9, output_mtok: 9 } };
  assert.deepEqual(inForceAt([...prices, peak], november), {
    price: peak.prices,
    suffix: '@2026-08-17@peak',
  });
});

test('the seed data gives exact prices under names that say where they come from', async () => {
  const seed = await seedPrices();
  const find = (provider: string, model: string, atMs = november) =>
    priceAt(seed.find(provider, model), { atMs });
  const price = find('openai', 'gpt-4o')!;
  assert.match(price.version, /^seed-\d+\.\d+\.\d+\/openai\/gpt-4o/);
  assert.equal(price.input, 2_500_000_000n);
  assert.equal(price.output, 10_000_000_000n);
  assert.equal(find('https://api.openai.com/v1', 'gpt-4o')?.version, price.version);
  assert.equal(seed.find('openai', 'no such model'), null);
  assert.equal(seed.find('no-such-provider', 'gpt-4o'), null);
  const changed = find('openai', 'gpt-5.6-luna')!;
  const before = find('openai', 'gpt-5.6-luna', Date.UTC(2026, 6, 29))!;
  assert.notEqual(changed.version, before.version);
  assert.equal(before.input, 1_000_000_000n);
  assert.equal(changed.input, 200_000_000n);
  assert.equal(changed.tiers?.[0]?.fromInputTokens, 272_000);
  assert.equal(seed.all('openai')['gpt-5.6-luna']?.at(-1)?.version, changed.version);
});

test('of prices that change from a day on there are as many versions, by the time they hold from', () => {
  const day = '2026-08-17';
  const later = { constraint: { type: 'start_date' as const, start_date: day }, prices: { input_mtok: 3 } };
  const schedule = mapSchedule('v', [{ prices: { input_mtok: 1 } }, later]);
  assert.deepEqual(
    schedule?.map(({ version, fromMs, input }) => [version, fromMs, input]),
    [
      ['v', undefined, 1_000_000_000n],
      [`v@${day}`, Date.parse(day), 3_000_000_000n],
    ],
  );
  const only = mapSchedule('v', [later]);
  assert.equal(priceAt(only, { atMs: 0 })?.input, 3_000_000_000n, 'the first known price holds from ever');
});
