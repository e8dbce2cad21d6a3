import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '#core/fault.ts';
import { refusalShare, Shedder } from './shedder.ts';

const rules = { lagMs: 100, retryAfterS: 2 };

test('without pressure nothing is refused, and without rules there is none', () => {
  const never = new Shedder(rules, () => 0);
  for (let i = 0; i < 50; i++) never.observe(i * 2);
  never.admit(1);
  const off = new Shedder(null, () => 0);
  for (let i = 0; i < 50; i++) off.observe(10_000);
  off.admit(1);
  assert.equal(off.pressure, 0);
});

test('pressure grows with the delay, and goes by and by', () => {
  const shedder = new Shedder(rules, () => 0);
  shedder.observe(110);
  const little = shedder.pressure;
  shedder.observe(1000);
  assert.ok(shedder.pressure - little > little);
  for (let i = 0; i < 50; i++) shedder.observe(1000);
  assert.equal(shedder.pressure, 1);
  let steps = 0;
  for (let last = 1; shedder.pressure > 0; steps++) {
    shedder.observe(0);
    assert.ok(last - shedder.pressure <= 0.021);
    last = shedder.pressure;
  }
  assert.ok(steps >= 50 && steps <= 51, String(steps));
  for (let i = 0; i < 50; i++) shedder.observe(1000);
  shedder.rules = null;
  shedder.observe(1000);
  assert.equal(shedder.pressure, 0, 'switched off by a reload');
});

test('what is lower is refused first, and never less than what is higher', () => {
  for (let pressure = 0; pressure <= 1; pressure += 0.01) {
    for (let priority = 1; priority <= 9; priority++) {
      const share = refusalShare(pressure, priority);
      assert.ok(share >= 0 && share <= 1);
      assert.ok(share <= refusalShare(pressure, Math.max(1, priority - 1)));
      assert.ok(share <= refusalShare(Math.min(1, pressure + 0.01), priority));
    }
  }
  assert.equal(refusalShare(0, 1), 0);
  assert.equal(refusalShare(0.5, 1), 1);
  assert.equal(refusalShare(0.5, 9), 0);
  assert.ok(refusalShare(1, 9) < 0.5);
});

test('a refusal says when to come back', () => {
  const shedder = new Shedder(rules, () => 0);
  shedder.observe(1000);
  assert.throws(
    () => shedder.admit(1),
    (thrown) =>
      thrown instanceof Fault &&
      thrown.code === 'gateway/overloaded' &&
      thrown.status === 503 &&
      String(thrown.details.headers) === 'retry-after,2',
  );
  shedder.admit(9);
});
