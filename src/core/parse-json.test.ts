import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseJson } from './parse-json.ts';

const runs = process.env['SLUICE_LONG'] ? 50_000 : 500;

test('a key with escapes is itself, whatever was parsed before', () => {
  for (let i = 0; i < 10; i++) JSON.parse('{"model":1,"strea\\\\":true}');
  const text = '{"model":1,"strea\\u006d":true,"n\\/":{"\\u4e2d\\u6587":1,"\\\\":2,"\\"":3,"\\n":4}}';
  assert.deepEqual(Object.keys(parseJson(text) as object), ['model', 'stream', 'n/']);
  const { 'n/': inner } = parseJson(text) as { 'n/': object };
  assert.deepEqual(Object.keys(inner), ['中文', '\\', '"', '\n']);
});

test('values keep their escapes, and what is no JSON stays none', () => {
  assert.deepEqual(parseJson('{"a":"\\u0041\\": \\n","b":["\\u0022:",":"]}'), {
    a: 'A": \n',
    b: ['":', ':'],
  });
  for (const bad of ['{"a\\u00":1}', '{"a\\x":1}', '{"a\\":1}', '"\\', '{\\"a":1}', '{"\\u0001x:1}'])
    assert.throws(() => parseJson(bad), SyntaxError, bad);
});

/** Spells each character of a JSON string literal in one of the ways there are. */
const spelling = (text: string, ways: readonly boolean[]) =>
  [
    ...JSON.stringify(text)
      .slice(1, -1)
      .matchAll(/\\(?:u[0-9a-f]{4}|.)|[^]/g),
  ]
    .map(([piece], i) =>
      ways[i % ways.length] && piece.length === 1
        ? `\\u${piece.charCodeAt(0).toString(16).padStart(4, '0')}`
        : piece,
    )
    .join('');

test('any spelling of any keys reads as those keys', () => {
  const key = fc.string({
    unit: fc.constantFrom('a', 'm', '\\', '"', '/', '\n', '中', '\u2028', ':'),
    maxLength: 6,
  });
  fc.assert(
    fc.property(
      fc.uniqueArray(key, { maxLength: 5 }),
      fc.array(fc.boolean(), { minLength: 1 }),
      (keys, ways) => {
        const text = `{${keys.map((k, i) => `"${spelling(k, ways)}" : {"v":"${spelling(k, ways)}","i":${i}}`).join(',')}}`;
        const parsed = parseJson(text) as Record<string, { v: string; i: number }>;
        assert.deepEqual(
          keys.map((k) => [parsed[k]?.v, parsed[k]?.i]),
          keys.map((k, i) => [k, i]),
        );
        assert.equal(Object.keys(parsed).length, keys.length);
      },
    ),
    { numRuns: runs, seed: 5 },
  );
});
