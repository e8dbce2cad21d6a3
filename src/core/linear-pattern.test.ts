import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LinearPattern } from './linear-pattern.ts';

const atom = fc.constantFrom(
  'a',
  'b',
  '.',
  '[ab]',
  '[^a]',
  '[a-c-]',
  '\\d',
  '\\W',
  '\\.',
  'é',
  '\\s',
  '[\\d_]',
);
const { pattern } = fc.letrec<{ pattern: string; piece: string }>((tie) => ({
  piece: fc.oneof(
    { maxDepth: 3 },
    atom,
    fc.tuple(tie('pattern'), fc.constantFrom('', '?:')).map(([inner, mark]) => `(${mark}${inner})`),
  ),
  pattern: fc
    .array(
      fc
        .array(fc.tuple(tie('piece'), fc.constantFrom('', '', '?', '*', '+', '{2}', '{1,}', '{0,2}')), {
          minLength: 1,
          maxLength: 3,
        })
        .map((pieces) => pieces.map(([piece, times]) => piece + times).join('')),
      { minLength: 1, maxLength: 2 },
    )
    .map((options) => options.join('|')),
}));
const text = fc.array(fc.constantFrom('a', 'b', 'c', '.', '1', '-', '_', ' ', 'é', '中'), { maxLength: 12 });

/** Null where its repetitions are more than is allowed. */
function madeOf(source: string): LinearPattern | null {
  try {
    return new LinearPattern(source);
  } catch (thrown) {
    assert.match(String(thrown), /too large/);
    return null;
  }
}

test('it matches what a whole match of RegExp matches', () => {
  fc.assert(
    fc.property(pattern, fc.array(text, { minLength: 1, maxLength: 8 }), (source, texts) => {
      const made = madeOf(source);
      if (!made) return;
      const model = new RegExp(`^(?:${source})$`, 's');
      for (const signs of texts) {
        const given = signs.join('');
        assert.equal(made.matches(given), model.test(given), `${source} of ${given}`);
        if (made.matches(given)) assert.ok(given.startsWith(made.prefix), `${made.prefix} of ${given}`);
      }
    }),
    { numRuns: process.env.SLUICE_LONG ? 20_000 : 1500, seed: 11 },
  );
});

test('security 35: patterns that keep a backtracking engine busy for ages end at once', () => {
  const hostile = [
    '(a+)+$',
    '(a|a)*',
    '(a|aa)+',
    '(.*a){20}',
    '^(([a-z])+.)+[A-Z]([a-z])+$',
    '(a?){30}a{30}',
  ];
  for (const source of hostile)
    assert.equal(new LinearPattern(source).matches(`${'a'.repeat(30_000)}!`), false);
});

test('more sets of states than are remembered are found anew', () => {
  const made = new LinearPattern('(a|b)*a(a|b){12}');
  let seed = 1;
  const noise = Array.from({ length: 20_000 }, () =>
    (seed = (seed * 48271) % 2147483647) & 64 ? 'a' : 'b',
  ).join('');
  assert.equal(made.matches(`${noise}a${'b'.repeat(12)}`), true);
  assert.equal(made.matches(`${noise}b${'b'.repeat(12)}`), false);
  assert.equal(made.matches(`${noise}a${'a'.repeat(12)}`), true);
});

test('what every match begins with is known', () => {
  const prefixes = {
    '^/v[0-9]+/x$': '/v',
    '/a/b': '/a/b',
    '/a?': '/',
    '(/a|/b)': '/',
    '.*': '',
    '/\\.well': '/.well',
  };
  for (const [source, prefix] of Object.entries(prefixes))
    assert.equal(new LinearPattern(source).prefix, prefix);
});

test('what cannot be walked in one pass, or is written wrong, is refused with its reason', () => {
  const refused: Record<string, RegExp> = {
    '(?=a)': /plain groups/,
    '(?<n>a)': /plain groups/,
    '(a)\\1': /"\\1" is not known/,
    '\\bx': /"\\b" is not known/,
    'a**': /cannot be repeated/,
    'a+?': /cannot be repeated/,
    'a{3,1}': /upside down/,
    'a{x}': /brace itself/,
    '[b-a]': /upside down/,
    '[]': /empty/,
    '[a': /not closed/,
    '(a': /not closed/,
    'a)': /has no/,
    '*a': /nothing before it/,
    'a\\': /nothing after it/,
    'a^b': /may stand only/,
    a$b: /may stand only/,
    '(a{100}){100}': /too large/,
    '(((){999}){999}){999}': /repeats too much/,
    [`${'('.repeat(60)}a${')'.repeat(60)}`]: /too deeply/,
  };
  for (const [source, why] of Object.entries(refused))
    assert.throws(
      () => new LinearPattern(source),
      (thrown) => thrown instanceof SyntaxError && why.test(thrown.message),
      source,
    );
});
