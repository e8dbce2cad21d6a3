import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileSearch } from './linear-search.ts';

test('found anywhere, at an end that is named, and in either case', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['pass(word|phrase)', 'What is your PassPhrase?', true],
    ['pass(word|phrase)', 'pass port', false],
    ['^once', 'Once upon', true],
    ['^once', 'at once', false],
    ['end$', 'the END', true],
    ['end$', 'ends', false],
    ['a\\$$', 'costs a$', true],
    ['a\\$', 'a$ more', true],
    ['a|b', 'xxb', true],
    ['\\S\\D', '1 1', true],
    ['\\S\\S', '1 1', false],
    ['[A-C]x', 'bX', true],
    ['a.b', 'a\nb', true],
    ['', 'anything', true],
  ];
  for (const [source, text, found] of cases)
    assert.equal(compileSearch(source).finds(text), found, `${source} in ${text}`);
  assert.equal(compileSearch('A', { ignoreCase: false }).finds('a'), false);
});

test('what cannot be walked is refused with its place', () => {
  for (const source of ['(', 'a**', '(?=a)', '\\bword'])
    assert.throws(() => compileSearch(source), /at character \d+/, source);
});

test('it finds what a plain search finds', () => {
  const piece = fc.stringMatching(/^[abAB .]{0,6}$/);
  const quoted = (text: string) => text.replaceAll('.', '\\.');
  fc.assert(
    fc.property(piece, piece, (part, text) => {
      assert.equal(compileSearch(quoted(part)).finds(text), text.toLowerCase().includes(part.toLowerCase()));
    }),
    { numRuns: process.env['SLUICE_LONG'] ? 5000 : 300 },
  );
});
