import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { durationPattern, parseDuration } from './parse-duration.ts';
import { parseSize, sizePattern } from './parse-size.ts';
import { suggest } from './suggest.ts';

const runs = { numRuns: process.env.SLUICE_LONG ? 5000 : 200, seed: 11 };

test('durations are whole numbers with a unit', () => {
  assert.equal(parseDuration('250ms'), 250);
  assert.equal(parseDuration('30s'), 30_000);
  assert.equal(parseDuration('5m'), 300_000);
  assert.equal(parseDuration('2h'), 7_200_000);
  assert.equal(parseDuration('1d'), 86_400_000);
  assert.equal(parseDuration('0'), 0);
  for (const wrong of ['30', '1.5s', '-1s', '30 s', '30S', 's', '', '1e3s', '5min'])
    assert.throws(() => parseDuration(wrong), RangeError, wrong);
});

test('sizes are whole numbers with a unit', () => {
  assert.equal(parseSize('512B'), 512);
  assert.equal(parseSize('32MiB'), 33_554_432);
  assert.equal(parseSize('10MB'), 10_000_000);
  for (const wrong of ['32', '32M', '1.5MiB', '-1B', '32 MiB', '32mib', ''])
    assert.throws(() => parseSize(wrong), RangeError, wrong);
});

test('the published patterns take exactly what the parsers take', () => {
  const tails = fc.constantFrom(
    '',
    'ms',
    's',
    'm',
    'h',
    'd',
    'B',
    'KiB',
    'MiB',
    'GiB',
    'kB',
    'MB',
    'GB',
    'x',
  );
  const near = fc.tuple(fc.constantFrom('', '-', '0', ' '), fc.nat(), tails).map((parts) => parts.join(''));
  const parses = (parse: (text: string) => number, text: string) => {
    try {
      return Number.isSafeInteger(parse(text));
    } catch (error) {
      assert.ok(error instanceof RangeError);
      return false;
    }
  };
  fc.assert(
    fc.property(fc.oneof(near, fc.string()), (text) => {
      assert.equal(parses(parseDuration, text), new RegExp(durationPattern).test(text));
      assert.equal(parses(parseSize, text), new RegExp(sizePattern).test(text));
    }),
    runs,
  );
});

test('what was probably meant', () => {
  assert.equal(suggest('opnai', ['openai', 'other']), 'openai');
  assert.equal(suggest('openia', ['openai', 'other']), 'openai');
  assert.equal(suggest('APIKEY', ['apiKey', 'baseUrl']), 'apiKey');
  assert.equal(suggest('api_key', ['apiKey', 'baseUrl']), 'apiKey');
  assert.equal(suggest('zebra', ['openai', 'other']), null);
  assert.equal(suggest('x', []), null);
});

test('a suggestion never crashes, and an exact name suggests itself', () => {
  fc.assert(
    fc.property(fc.string(), fc.array(fc.string(), { minLength: 1 }), (name, names) => {
      const found = suggest(name, names);
      assert.ok(found === null || names.includes(found));
      assert.equal(suggest(names[0]!, names), names[0]);
    }),
    runs,
  );
});
