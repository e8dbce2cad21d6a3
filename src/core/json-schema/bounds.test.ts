import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileSchema, mismatchesOf } from './compile.ts';
import { TooMuchWork } from './run.ts';
import { SchemaProblem } from './schema-dialect.ts';

const options = { dialect: '2020-12' } as const;
const compile = (schema: unknown) => compileSchema(schema, options);
const bounds = { mismatches: 3, work: 100_000 };

test('security 34: alternatives within alternatives end at the bound of work', () => {
  const twice = { allOf: [{ properties: { n: { $ref: '#' } } }, false] };
  const check = compile({ oneOf: [twice, twice, true] });
  let deep: unknown = 1;
  for (let i = 0; i < 40; i++) deep = { n: deep };
  assert.throws(() => mismatchesOf(check, deep, bounds), TooMuchWork);
});

test('schemas that lead to themselves without a step end, too', () => {
  assert.throws(() => mismatchesOf(compile({ $ref: '#' }), 1, bounds), TooMuchWork);
  assert.throws(() => mismatchesOf(compile({ allOf: [{ anyOf: [{ $ref: '#' }] }] }), 1, bounds), TooMuchWork);
});

test('unique items cost what the list is long', () => {
  const check = compile({ uniqueItems: true });
  const list = Array.from({ length: 30_000 }, (_, i) => ({ i }));
  assert.deepEqual(mismatchesOf(check, list, bounds), []);
  assert.equal(mismatchesOf(check, [...list, { i: 7 }], bounds)[0]!.keyword, 'uniqueItems');
});

test('so many mismatches are told, and nothing of values', () => {
  const found = mismatchesOf(
    compile({ items: { type: 'string', maxLength: 3 } }),
    [1, 'secret', null, {}, []],
    bounds,
  );
  assert.deepEqual(
    found.map(({ path, got }) => [path[0], got]),
    [
      [0, 'an integer'],
      [1, 'a string of 6 characters'],
      [2, 'null'],
    ],
  );
});

test('a pattern that cannot be held in linear time is refused, with its place', () => {
  for (const pattern of ['(?=a)', '(a)\\1', '\\bword', 'a*?', '('])
    assert.throws(
      () => compile({ properties: { x: { pattern } } }),
      (error: Error) =>
        error instanceof SchemaProblem && error.message.startsWith('at /properties/x: the pattern'),
      pattern,
    );
  const check = compile({ pattern: '^a|b$|(x+x+)+y' });
  for (const [text, holds] of [
    ['ac', true],
    ['cb', true],
    ['ca', false],
    [`${'x'.repeat(5000)}`, false],
    ['zxxyz', true],
  ] as const)
    assert.equal(mismatchesOf(check, text, bounds).length === 0, holds, text.slice(0, 10));
});
