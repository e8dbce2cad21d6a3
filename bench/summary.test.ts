import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSeries } from './collections.ts';
import { compare, summarise } from './summary.ts';

test('a summary is median and range of what is there', () => {
  assert.deepEqual(summarise([3, 1, undefined, 2]), { median: 2, least: 1, most: 3 });
  assert.deepEqual(summarise([4, 1]), { median: 2.5, least: 1, most: 4 });
  assert.equal(summarise([undefined, NaN]), undefined);
});

test('variants are compared within a round, so that drift between rounds does not count', () => {
  const own = [{ rate: 50 }, { rate: 5 }, { rate: 20 }];
  const other = [{ rate: 100 }, { rate: 10 }, { rate: 40 }];
  assert.deepEqual(compare({ key: 'rate', against: 'ratio' }, own, other), {
    median: 0.5,
    least: 0.5,
    most: 0.5,
  });
  assert.equal(compare({ key: 'rate', against: 'difference' }, own, other)?.median, -20);
  assert.equal(compare({ key: 'rate' }, own, undefined), undefined);
});

test('series are read with labels and without, and no other name that begins alike', () => {
  const text = [
    '# TYPE gc_seconds counter',
    'gc_seconds{thread="1"} 0.5',
    'gc_seconds{thread="a } b"} 1.25 1700000000',
    'gc_seconds_more 7',
  ].join('\n');
  assert.deepEqual(readSeries(text, 'gc_seconds'), [0.5, 1.25]);
  assert.deepEqual(readSeries('gc_seconds 2\n', 'gc_seconds'), [2]);
});
