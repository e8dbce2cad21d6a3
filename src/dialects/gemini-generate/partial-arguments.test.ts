import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PartialArguments } from './partial-arguments.ts';

const made = (...values: object[]): unknown => {
  const of = new PartialArguments();
  for (const value of values) of.add(value as Record<string, unknown>);
  return JSON.parse(of.toString());
};

test('values of every kind find their places', () => {
  assert.deepEqual(
    made(
      { jsonPath: '$.a', stringValue: 'x' },
      { jsonPath: '$.b.c[1].d', numberValue: 2.5 },
      { jsonPath: '$.b.c[0]', boolValue: false },
      { jsonPath: "$['k.k']", nullValue: 'NULL_VALUE' },
    ),
    { a: 'x', b: { c: [false, { d: 2.5 }] }, 'k.k': null },
  );
});

test('a text goes on only where it was said to', () => {
  const piece = (text: string, goesOn: boolean) => ({
    jsonPath: '$.t',
    stringValue: text,
    ...(goesOn ? { willContinue: true } : {}),
  });
  assert.deepEqual(made(piece('a', true), piece('b', true), piece('', false)), { t: 'ab' });
  assert.deepEqual(made(piece('a', false), piece('b', false)), { t: 'b' });
});

test('places that no arguments have do no harm', () => {
  const of = made(
    { jsonPath: '$.__proto__.polluted', stringValue: 'x' },
    { jsonPath: '$.a[999999999]', stringValue: 'x' },
    { jsonPath: '', stringValue: 'x' },
    { jsonPath: '$.b' },
    {},
  );
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  assert.deepEqual((of as Record<string, unknown>)['a'], []);
});
