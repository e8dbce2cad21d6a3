import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { chargeFor, type ChargeBook } from './charge.ts';
import { costOf, parsePercent, renderAmount, shareOf, whole } from './money.ts';
import {
  priceAt,
  priceFor,
  priceLines,
  priceUnits,
  rowFor,
  sharePrice,
  totalCost,
  totalPrice,
  type PriceVersion,
} from './price.ts';
import { agrees, readReportedCost } from './reported-cost.ts';
import { inputLine, outputLine, type UsageLine } from './usage.ts';

const long = Boolean(process.env['SLUICE_LONG']);
const parameters = { numRuns: long ? 50_000 : 500, seed: long ? Date.now() : 7 };

const named = (prices: Omit<PriceVersion, 'version' | 'currency'>, version = 'test/1'): PriceVersion => ({
  version,
  currency: 'USD',
  ...prices,
});
const amount = fc.bigInt({ min: 0n, max: 10n ** 13n });
const someAmount = fc.option(amount, { nil: undefined });
const prices = fc
  .record({
    ...{ input: amount, output: amount, cacheRead: someAmount, cacheReadAudio: someAmount },
    ...{ cacheWrite5m: someAmount, cacheWrite1h: someAmount, toolInput: someAmount, reasoning: someAmount },
    ...{ prediction: someAmount, inputAudio: someAmount, outputVideo: someAmount },
  })
  .map((record) =>
    named(Object.fromEntries(Object.entries(record).filter(([, v]) => v !== undefined)) as never),
  );
const line: fc.Arbitrary<UsageLine> = fc.record({
  direction: fc.constantFrom('input', 'output', 'tool-input'),
  modality: fc.constantFrom('text', 'audio', 'image', 'video'),
  cache: fc.constantFrom('none', 'read', 'write-5m', 'write-30m', 'write-1h', 'write-12h'),
  kind: fc.constantFrom('plain', 'reasoning', 'prediction'),
  count: fc.integer({ min: 0, max: 1_000_000_000 }),
});
const share = fc.record({
  numerator: fc.bigInt({ min: 0n, max: 10_000n }),
  denominator: fc.bigInt({ min: 1n, max: 10_000n }),
});

test('1,000 tokens at $0.06 per thousand cost exactly $0.06, and at half of it exactly $0.03', () => {
  const price = named({ input: 60_000_000_000n, output: 0n });
  const cost = (of: PriceVersion) => renderAmount(totalCost({ lines: priceLines([inputLine(1_000)], of) }));
  assert.equal(cost(price), '0.06');
  assert.equal(cost(sharePrice(price, parsePercent('50%'), (name) => name)), '0.03');
  assert.equal(cost(sharePrice(price, parsePercent('120%'), (name) => name)), '0.072');
});

test('a share is exact and a line is rounded once, however many shares it goes through', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 12 }), amount, share, (count, price, one) => {
      const cost = costOf(count, price, one);
      const exact = BigInt(count) * price * one.numerator;
      const off = 2n * (cost * 1_000_000n * one.denominator - exact);
      assert.ok(off <= 1_000_000n * one.denominator && off > -1_000_000n * one.denominator, `${off}`);
      const there = { numerator: 3n, denominator: 7n };
      const version = sharePrice(named({ input: price, output: 0n }), there, (name) => name);
      const back = sharePrice(version, { numerator: 7n, denominator: 3n }, (name) => name);
      assert.equal(costOf(count, price, back.share), costOf(count, price), 'three sevenths and back');
    }),
    parameters,
  );
  assert.equal(shareOf(-15n, { numerator: 1n, denominator: 10n }), -2n);
  assert.throws(() => parsePercent('1e3%'), RangeError);
  assert.throws(() => parsePercent('-5%'), RangeError);
});

test('never negative, and more of anything never costs less', () => {
  fc.assert(
    fc.property(prices, share, line, fc.nat(1_000_000), (price, part, one, more) => {
      const of = { ...price, share: part };
      const cost = (count: number) => priceLines([{ ...one, count }], of)[0]!.costNano;
      assert.ok(cost(one.count) >= 0n);
      assert.ok(cost(one.count + more) >= cost(one.count));
      assert.equal(cost(0), 0n);
    }),
    parameters,
  );
});

test('the lines of an attempt sum to its total, priced together or one by one', () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 9 }), prices, share, (lines, price, part) => {
      const of = { ...price, share: part, perRequest: 17n, units: { images: 3n } };
      const priced = priceLines(lines, of);
      const units = priceUnits({ lines, units: { images: 5, unknown: 2 } }, of);
      const total = totalCost({ lines: priced, units });
      const oneByOne = lines.reduce((sum, each) => sum + priceLines([each], of)[0]!.costNano, 0n);
      assert.equal(total, oneByOne + shareOf(17n, part) + shareOf(15n, part));
      assert.deepEqual(
        priced.map((each) => each.line),
        lines,
      );
      assert.equal(totalPrice({ lines: priced, units }), total, 'without a charge the price is the cost');
    }),
    parameters,
  );
});

test('a class without a price of its own costs what the nearest one does', () => {
  const price = named({
    ...{ input: 1n, output: 2n, cacheRead: 3n, cacheReadAudio: 4n, cacheWrite5m: 5n, cacheWrite1h: 6n },
    ...{ toolInput: 7n, reasoning: 8n, prediction: 9n, inputAudio: 10n, outputVideo: 11n },
  });
  const input = inputLine(1);
  const audio = { ...input, modality: 'audio' } as const;
  const cases: [UsageLine, bigint][] = [
    [input, 1n],
    [audio, 10n],
    [{ ...input, modality: 'video' }, 1n],
    [inputLine(1, 'read'), 3n],
    [{ ...audio, cache: 'read' }, 4n],
    [{ ...input, modality: 'image', cache: 'read' }, 3n],
    [inputLine(1, 'write-5m'), 5n],
    [inputLine(1, 'write-30m'), 5n],
    [inputLine(1, 'write-1h'), 6n],
    [inputLine(1, 'write-12h'), 6n],
    [{ ...input, direction: 'tool-input' }, 7n],
    [outputLine(1), 2n],
    [outputLine(1, 'reasoning'), 8n],
    [outputLine(1, 'prediction'), 9n],
    [{ ...outputLine(1), modality: 'video' }, 11n],
    [{ ...outputLine(1), modality: 'audio' }, 2n],
  ];
  for (const [of, expected] of cases) assert.equal(priceFor(of, price), expected, JSON.stringify(of));
  const bare = named({ input: 1n, output: 2n });
  for (const [of] of cases) assert.equal(priceFor(of, bare), of.direction === 'output' ? 2n : 1n);
});

test('the version that is in force when an attempt begins counts, to the millisecond', () => {
  const day = Date.UTC(2026, 11, 1);
  const schedule = [
    named({ input: 1n, output: 1n }, 'first'),
    named({ input: 2n, output: 2n, fromMs: day }, 'second'),
    named({ input: 3n, output: 3n, fromMs: day + 5 }, 'third'),
  ];
  const at = (atMs: number) => priceAt(schedule, { atMs })?.version;
  assert.deepEqual(
    [at(0), at(day - 1), at(day), at(day + 4), at(day + 5)],
    [...['first', 'first', 'second', 'second', 'third']],
  );
  assert.equal(priceAt(schedule.slice(1), { atMs: day - 1 }), null, 'there was no price yet');
  assert.equal(priceAt(null, { atMs: 0 }), null);
});

test('service tiers and batches have prices of their own; long inputs within them, too', () => {
  const tiers = [{ fromInputTokens: 100, then: named({ input: 20n, output: 20n }, 'v+100') }];
  const usual = named({ input: 10n, output: 10n, tiers }, 'v');
  const half = sharePrice(usual, parsePercent('50%'), (name) => `${name}+half`);
  const schedule = [{ ...usual, serviceTiers: { flex: half }, batch: named({ input: 1n, output: 1n }, 'b') }];
  const at = (serviceTier: string | null, batch = false) =>
    priceAt(schedule, { atMs: 0, serviceTier, batch })!;
  assert.equal(at(null).version, 'v');
  assert.equal(at('constructor').version, 'v', 'a word that every object knows is no tier');
  assert.equal(at('flex').version, 'v+half');
  assert.equal(at('flex', true).version, 'b');
  assert.equal(at('batch').version, 'b', 'so some providers say it');
  const row = rowFor([inputLine(100)], at('flex'));
  assert.equal(row.version, 'v+100+half');
  assert.deepEqual([row.input, row.share], [20n, parsePercent('50%')]);
});

test('what customers pay: the first of project, team and all that says anything of it', () => {
  const cost = named({ input: 10_000_000_000n, output: 10_000_000_000n }, 'cost/1');
  const own = named({ input: 5n, output: 5n, fromMs: 100 }, 'own/1');
  const markup = (version: string, percent: string) => {
    const more = parsePercent(percent);
    return { version, share: { ...more, numerator: more.denominator + more.numerator } };
  };
  const book: ChargeBook = {
    projects: { shop: { prices: { 'p/m': [own] }, markups: [] } },
    teams: { web: { prices: {}, markups: [{ ...markup('web/1', '10%'), fromMs: 50 }] } },
    all: {
      prices: { 'p/free': [named({ input: 0n, output: 0n }, 'free')] },
      markups: [markup('all/1', '20%')],
    },
  };
  const paid = (project: string, team: string, { atMs = 1000, model = 'm' } = {}) =>
    chargeFor(book, { project, team, names: [`p/${model}`, 'p/*'] }, { use: { atMs }, cost });
  assert.equal(paid('shop', 'web')?.version, 'own/1');
  assert.equal(
    paid('shop', 'web', { atMs: 99 })?.version,
    'web/1/cost/1',
    'before it had a price of its own',
  );
  assert.equal(paid('shop', 'web', { atMs: 49 })?.version, 'all/1/cost/1');
  assert.equal(paid('other', 'else', { model: 'free' })?.version, 'free');
  assert.equal(paid('constructor', 'toString')?.version, 'all/1/cost/1');
  const price = paid('other', 'else')!;
  assert.equal(priceLines([inputLine(1_000)], price)[0]!.costNano, 12_000_000n, 'a fifth more than 0.01');
  assert.equal(chargeFor(null, { project: '', team: '', names: ['p/m'] }, { use: { atMs: 0 }, cost }), null);
  const unknown = { project: '', team: '', names: ['p/m'] };
  assert.equal(
    chargeFor(book, unknown, { use: { atMs: 0 }, cost: null }),
    null,
    'of no known cost there is no share',
  );
});

test('a markup of a thousand lines is the same to the nano-unit as the share of each', () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 9 }), prices, share, (lines, price, part) => {
      const cost = priceLines(lines, price);
      const marked = priceLines(
        lines,
        sharePrice(price, part, (name) => name),
      );
      for (const [i, one] of lines.entries()) {
        const exact = BigInt(one.count) * priceFor(one, price) * part.numerator;
        const off = marked[i]!.costNano * 1_000_000n * part.denominator - exact;
        assert.ok(2n * (off < 0n ? -off : off) <= 1_000_000n * part.denominator);
        assert.equal(cost[i]!.costNano, costOf(one.count, priceFor(one, price), whole));
      }
    }),
    parameters,
  );
});

test('what a provider says it cost is read as it was written', () => {
  const read = (usage: Record<string, unknown>) => {
    const flags = new Set<string>();
    return [readReportedCost(usage, flags), ...flags];
  };
  assert.deepEqual(read({ cost: 0.00014 }), [140_000n]);
  assert.deepEqual(read({ cost: 1.1 }), [1_100_000_000n]);
  assert.deepEqual(read({ cost: 0.30000000000000004 }), [300_000_000n]);
  assert.deepEqual(read({ cost: { input_tokens_cost: 0.1, total_cost: 0.006 } }), [6_000_000n]);
  assert.deepEqual(read({ cost_in_usd_ticks: 158_500 }), [15_850n]);
  assert.deepEqual(read({ cost_in_usd_ticks: 5 }), [1n]);
  assert.deepEqual(read({ cost: 0, cost_in_usd_ticks: 5 }), [0n]);
  assert.deepEqual(read({}), [undefined]);
  for (const cost of [-1, 'much', Number.NaN, 1e300, true])
    assert.deepEqual(read({ cost }), [undefined, 'cost-not-a-number'], String(cost));
});

test('a cost agrees within the tolerance and the place it was rounded to, and else does not', () => {
  assert.ok(agrees(1_000_000_000n, 1_010_000_000n));
  assert.ok(!agrees(1_000_000_000n, 1_012_000_000n));
  assert.ok(agrees(1_000_000_000n, 1_012_000_000n, parsePercent('2%')));
  assert.ok(agrees(5_600_000n, 6_000_000n), 'to a tenth of a cent');
  assert.ok(!agrees(5_400_000n, 6_000_000n));
  assert.ok(!agrees(5_600_000n, 6_000_001n));
  assert.ok(!agrees(0n, 1_000_000_000n));
  assert.ok(agrees(0n, 0n));
});
