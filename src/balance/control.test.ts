import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainPool } from '#core/pool-settings.ts';
import { createPoolControl, createPoolMemory, Pool, PoolMemory } from './index.ts';

const passive = {
  ...{ consecutiveFailures: 1, failureRatio: 0, minimumRequests: 1, windowMs: 1000 },
  ...{ ejectMs: 1e6, maxEjectMs: 1e6, maxEjectedPercent: 100, maxCoolDownMs: 0 },
};
const failure = {
  verdict: 'failure',
  firstMs: null,
  totalMs: 0,
  outputTokens: null,
  retryAfterMs: null,
} as const;

function standOf(members: number) {
  const clock = { now: 1000, nowMs: () => clock.now };
  const memory = createPoolMemory({ members, workers: 2 });
  const control = createPoolControl(memory, 1, clock);
  const pool = (ids: readonly string[]) =>
    new Pool({
      name: 'g',
      members: ids.map((id) => ({ id, target: null, weight: 1, priority: 0 })),
      settings: { ...plainPool, passive },
      memory: new PoolMemory(memory, 0),
      random: () => 0.5,
    });
  const take = (from: Pool<null>) =>
    from.take({ affinity: null, sticky: null, tried: [], again: false, nowMs: clock.now });
  const states = () => control.read()[0]?.members.map(({ id, state }) => `${id} ${state}`);
  return { clock, control, pool, take, states };
}

test('who leaves and returns within a minute is who it was', () => {
  const { clock, control, pool, take, states } = standOf(8);
  control.setMembers('g', ['a', 'b']);
  const before = pool(['a', 'b']);
  take(before)!.end(failure);
  assert.deepEqual(states(), ['a ejected', 'b up']);
  control.setMembers('g', ['b']);
  before.update([{ id: 'b', target: null, weight: 1, priority: 0 }]);
  assert.equal(take(before)!.member.id, 'b');
  clock.now += 30_000;
  control.setMembers('g', ['b', 'a']);
  assert.deepEqual(states(), ['b up', 'a ejected']);
});

test('places are used again when nothing is in flight there, and then begin anew', () => {
  const { clock, control, pool, take, states } = standOf(1);
  control.setMembers('g', ['a']);
  const first = pool(['a']);
  const lease = take(first)!;
  control.setMembers('g', ['b']);
  clock.now += 61_000;
  control.setMembers('g', ['b']);
  assert.deepEqual(states(), [], 'an attempt is still under way there');
  lease.end(failure);
  control.setMembers('g', ['b']);
  assert.deepEqual(states(), ['b up']);
  assert.equal(take(first)!.member.id, 'a', 'who is told nothing yet goes on, with what it knows itself');
});

test('those beyond the room there is are known to their pool alone', () => {
  const { control, pool, take, states } = standOf(1);
  control.setMembers('g', ['a', 'b']);
  assert.deepEqual(states(), ['a up']);
  assert.equal(control.setActiveHealth('g', 'b', 'unhealthy'), false);
  const own = pool(['a', 'b']);
  take(own)!.end(failure);
  take(own)!.end(failure);
  assert.deepEqual(states(), ['a ejected']);
  own.update([{ id: 'b', target: null, weight: 1, priority: 0 }]);
  own.update(['a', 'b', 'c'].map((id) => ({ id, target: null, weight: 1, priority: 0 })));
  assert.equal(take(own)!.member.id, 'c', 'what it knows of b outlives a change of members');
});

test('what a check finds is in force at once', () => {
  const { control, pool, take, states } = standOf(4);
  control.setMembers('g', ['a', 'b']);
  const both = pool(['a', 'b']);
  assert.equal(control.setActiveHealth('g', 'a', 'unhealthy'), true);
  assert.deepEqual(states(), ['a unhealthy', 'b up']);
  assert.equal(take(both)!.member.id, 'b');
  control.setActiveHealth('g', 'a', 'healthy');
  assert.equal(take(both)!.member.id, 'a');
});
