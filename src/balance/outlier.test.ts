import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PassiveSettings } from '#core/pool-settings.ts';
import { failure, result, success, tally, testPool, type Weighted } from './testing/test-pool.ts';

const passive: PassiveSettings = {
  consecutiveFailures: 3,
  failureRatio: 0,
  minimumRequests: 10,
  windowMs: 10_000,
  ejectMs: 10_000,
  maxEjectMs: 40_000,
  maxEjectedPercent: 50,
  maxCoolDownMs: 60_000,
};
const four: Weighted[] = [['a'], ['b'], ['c'], ['d']];
type Tested = ReturnType<typeof testPool>;

/** As many exchanges, of which those with some members fail. */
function run({ take }: Tested, times: number, failing: readonly string[]): void {
  for (let i = 0; i < times; i++) {
    const lease = take()!;
    lease.end(failing.includes(lease.member.id) ? failure : success);
  }
}
const out = ({ control }: Tested) =>
  control
    .read()[0]!
    .members.filter(({ state }) => state === 'ejected')
    .map(({ id }) => id);

test('who fails again and again is put out for a while, and comes back slowly', () => {
  const tested = testPool(four, { balance: 'round-robin', passive, slowStartMs: 10_000 });
  const { take, clock, report } = tested;
  run(tested, 12, ['b']);
  assert.deepEqual(out(tested), ['b']);
  assert.equal(tally(take, 400).get('b'), undefined);
  clock.now += report('b').outForMs + 1;
  const cold = tally(take, 310).get('b')!;
  assert.ok(cold >= 8 && cold <= 12, String(cold));
  clock.now += 5000;
  const warm = tally(take, 350).get('b')!;
  assert.ok(warm >= 45 && warm <= 55, String(warm));
  clock.now += 5000;
  assert.equal(tally(take, 400).get('b'), 100);
});

test('by share of failures, with enough results', () => {
  const tested = testPool(four, {
    balance: 'round-robin',
    passive: { ...passive, consecutiveFailures: 0, failureRatio: 0.5 },
  });
  run(tested, 36, ['b']);
  assert.deepEqual(out(tested), []);
  run(tested, 4, ['b']);
  assert.deepEqual(out(tested), ['b']);
});

test('never more than the cap, on however many pools', () => {
  for (const [maxEjectedPercent, cap] of [
    [50, 2],
    [74, 2],
    [75, 3],
    [24, 0],
    [100, 4],
  ] as const) {
    const tested = testPool(four, { balance: 'round-robin', passive: { ...passive, maxEjectedPercent } }, 2);
    const other = tested.open(1);
    for (let i = 0; i < 200; i++) {
      const pool = i % 2 === 0 ? tested.pool : other;
      pool
        .take({ affinity: null, sticky: null, tried: [], again: false, nowMs: tested.clock.now })
        ?.end(failure);
      assert.ok(out(tested).length <= cap, String(maxEjectedPercent));
    }
    assert.equal(out(tested).length, cap);
  }
});

test('longer each time that it fails again soon; a good while later as at first', () => {
  const tested = testPool([['a'], ['b']], { balance: 'round-robin', passive });
  const spans: number[] = [];
  const failOnce = () => {
    run(tested, 8, ['a']);
    spans.push(Math.round(tested.report('a').outForMs / 10_000));
    tested.clock.now += tested.report('a').outForMs + 10;
  };
  for (let i = 0; i < 6; i++) failOnce();
  assert.deepEqual(spans, [1, 2, 3, 4, 4, 4]);
  tested.clock.now += 100_000;
  failOnce();
  assert.equal(spans.at(-1), 1);
  assert.equal(tested.report('a').ejections, 7);
});

test('all out: they are tried all the same, unless that is to be refused', () => {
  const settings = { balance: 'round-robin', passive: { ...passive, maxEjectedPercent: 100 } } as const;
  const tested = testPool([['a'], ['b']], settings);
  run(tested, 10, ['a', 'b']);
  assert.equal(out(tested).length, 2);
  assert.deepEqual([...tally(tested.take, 10).values()], [5, 5]);
  const refusing = testPool([['a'], ['b']], { ...settings, whenAllOut: 'refuse' });
  run(refusing, 6, ['a', 'b']);
  assert.equal(refusing.take(), null);
});

test('Retry-After is heeded, within its bound, and one that is cooling is tried only when nobody else is left', () => {
  const tested = testPool([['a'], ['b']], { balance: 'ordered', passive });
  const { take, clock, report } = tested;
  take()!.end(result('failure', 0, { retryAfterMs: 5000 }));
  assert.equal(report('a').state, 'cooling');
  assert.deepEqual([take()!.member.id, take({ tried: ['b'] })!.member.id], ['b', 'a']);
  clock.now += 5001;
  assert.equal(take()!.member.id, 'a');
  take()!.end(result('neutral', 0, { retryAfterMs: 9_999_999 }));
  assert.equal(report('a').outForMs, 60_000);
});

test('a clock that is set back shuts nobody out', () => {
  const tested = testPool([['a'], ['b']], { balance: 'round-robin', passive });
  run(tested, 8, ['a']);
  assert.deepEqual(out(tested), ['a']);
  tested.clock.now -= 3_600_000;
  assert.equal(tally(tested.take, 10).get('a'), 5);
});
