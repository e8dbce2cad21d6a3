import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRates } from './rate.ts';

const read = (text: string | readonly string[], sort: 'tokens' | 'money' = 'tokens') =>
  parseRates(text, { policy: 'p', sort, zone: 'UTC' });

test('a rate names its window', () => {
  const nowMs = Date.UTC(2026, 1, 14, 12);
  const [sliding, bucket, calendar] = read(['7/2h', '600/min burst 50', '20000 per month']);
  assert.deepEqual(
    [sliding, bucket, calendar].map((rate) => [rate!.capacity, rate!.span, rate!.code]),
    [
      [7, '2h', 'sliding-7200000'],
      [600, 'min', 'bucket-60000'],
      [20_000, 'month', 'calendar-month-UTC'],
    ],
  );
  assert.deepEqual(sliding!.windowAt(nowMs), { kind: 'sliding', windowMs: 7_200_000 });
  assert.deepEqual(bucket!.windowAt(nowMs), { kind: 'bucket', windowMs: 60_000, burst: 50 });
  assert.deepEqual(calendar!.windowAt(nowMs), {
    kind: 'calendar',
    startMs: Date.UTC(2026, 1),
    endMs: Date.UTC(2026, 2),
    nextEndMs: Date.UTC(2026, 3),
  });
});

test('money is exact, in nano-units', () => {
  const [one, most, burst] = read(['0.45 per day', '9000000/h', '12.000000001/min burst 0.1'], 'money');
  assert.equal(one!.capacity, 450_000_000);
  assert.equal(most!.capacity, 9_000_000_000_000_000);
  assert.equal(burst!.capacity, 12_000_000_001);
  assert.deepEqual(burst!.windowAt(0), { kind: 'bucket', windowMs: 60_000, burst: 100_000_000 });
});

test('what is no rate is refused', () => {
  const bad = [
    '0/min',
    '5/0min',
    '5/week',
    '5',
    '-1/s',
    '1.5/s',
    '5/32day',
    '5 per year',
    '5/2day burst 9',
    '5/min burst 0',
  ];
  for (const text of bad) assert.throws(() => read(text), RangeError, text);
  for (const text of ['9000001/h', '0.0/h', '1.0000000001/h'])
    assert.throws(() => read(text, 'money'), RangeError, text);
  assert.throws(() => read(['5/60s', '9/min']), /twice/);
});
