import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { partByChance, partFor, type Weighted } from './weighted-choice.ts';

const numRuns = process.env['SLUICE_LONG'] ? 500 : 30;
const values = Array.from({ length: 2000 }, (_, i) => `user-${i}`);
const weights = fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 2, maxLength: 6 });
const partsOf = (list: readonly number[]): Weighted[] =>
  list.map((weight, i) => ({ name: String(i), weight }));

test('where one weight changes, values move to that part alone, or from it alone, and no more than its share', () => {
  fc.assert(
    fc.property(weights, fc.nat(), fc.integer({ min: 0, max: 100 }), (list, at, weight) => {
      const i = at % list.length;
      const after = list.with(i, weight);
      let moved = 0;
      for (const value of values) {
        const [one, other] = [partFor(partsOf(list), value, 'r'), partFor(partsOf(after), value, 'r')];
        if (one?.name === other?.name) continue;
        moved++;
        assert.equal((weight > list[i]! ? other : one)?.name, String(i));
      }
      const share = (of: readonly number[]) => of[i]! / (of.reduce((sum, each) => sum + each, 0) || 1);
      // Five standard deviations of the draw.
      const bound = Math.abs(share(after) - share(list)) * values.length + 5 * Math.sqrt(values.length) * 0.5;
      assert.ok(moved <= bound, `${moved} > ${bound}`);
    }),
    { numRuns, seed: 11 },
  );
});

test('values spread by weight, and another scope spreads them otherwise', () => {
  const parts = partsOf([90, 10]);
  const small = values.filter((value) => partFor(parts, value, 'r')!.name === '1');
  assert.ok(Math.abs(small.length - 200) < 70, String(small.length));
  const elsewhere = small.filter((value) => partFor(parts, value, 's')!.name === '1');
  assert.ok(elsewhere.length < small.length / 3, String(elsewhere.length));
  assert.equal(partFor(partsOf([0, 0]), 'x', 'r'), null);
});

test('chance goes by weight, and never to a part without one', () => {
  const parts = partsOf([0, 3, 0, 1, 0]);
  assert.deepEqual(
    [0, 0.5, 0.7499, 0.75, 0.9999999999999999].map((chance) => partByChance(parts, chance)!.name),
    ['1', '1', '1', '3', '3'],
  );
});
