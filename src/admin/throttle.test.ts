import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Throttle } from './throttle.ts';

test('a bucket gives what it holds, then what comes in, each subject its own', () => {
  const throttle = new Throttle(() => ({ amount: 3, windowMs: 60_000 }));
  const at = (ms: number, subject = 'a') => throttle.take(subject, ms);
  assert.deepEqual([at(0), at(0), at(0)], [0, 0, 0]);
  assert.equal(at(0), 20);
  assert.equal(throttle.waitOf('a', 0), 20);
  assert.equal(at(0, 'b'), 0);
  assert.equal(at(18_000), 2);
  assert.equal(at(20_000), 0);
  assert.equal(at(20_000), 20);
  assert.equal(at(10_000), 20, 'a clock that goes back gives nothing');
  assert.deepEqual([at(999_000), at(999_000), at(999_000), at(999_000)], [0, 0, 0, 20]);
});

test('subjects that callers invent do not fill the memory, and a new rate is in force at once', () => {
  let amount = 1;
  const throttle = new Throttle(() => ({ amount, windowMs: 60_000 }));
  for (let n = 0; n < 10_001; n++) assert.equal(throttle.take(`s${n}`, 0), 0);
  assert.equal(throttle.take('s0', 0), 0, 'who was not heard of longest made room');
  assert.equal(throttle.take('s10000', 0), 60);
  amount = 600;
  assert.equal(throttle.take('s10000', 60_000), 0);
  assert.equal(throttle.take('s10000', 60_000), 0);
});
