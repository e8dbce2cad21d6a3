import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AttemptResult, Lease, PoolMember } from '#core/contracts/target-pool.ts';
import { plainPool, type PoolSettings } from '#core/pool-settings.ts';
import { createPoolMemory, Pool, PoolMemory } from './index.ts';
import { seededRandom } from './testing/seeded-random.ts';

const success: AttemptResult = {
  verdict: 'success',
  firstMs: 0,
  totalMs: 0,
  outputTokens: null,
  retryAfterMs: null,
};
const failure: AttemptResult = { ...success, verdict: 'failure', firstMs: null };

interface Wanted {
  readonly members?: readonly (readonly [id: string, weight: number, priority?: number])[];
  readonly settings?: Partial<PoolSettings>;
  readonly seed?: number;
}

const three = [
  ['a', 1],
  ['b', 1],
  ['c', 1],
] as const;

function poolOf({ members = three, settings = {}, seed = 1 }: Wanted): Pool<null> {
  return new Pool({
    name: 'g',
    members: members.map(memberOf),
    settings: { ...plainPool, balance: 'round-robin', ...settings },
    memory: new PoolMemory(createPoolMemory({ workers: 1 }), 0),
    random: seededRandom(seed),
  });
}

const memberOf = ([id, weight, priority = 0]: readonly [string, number, number?]): PoolMember<null> => ({
  ...{ id, weight, priority },
  target: null,
});

interface Asked {
  readonly nowMs?: number;
  readonly affinity?: string | null;
  readonly tried?: readonly string[];
  readonly again?: boolean;
}

const take = (pool: Pool<null>, { nowMs = 1000, affinity = null, tried = [], again = false }: Asked = {}) =>
  pool.take({ nowMs, affinity, sticky: null, tried, again });

function idOf(pool: Pool<null>, asked: Asked = {}, result: AttemptResult = success): string | null {
  const lease = take(pool, asked);
  lease?.end(result);
  return lease && lease.member.id;
}

function shares(pool: Pool<null>, times: number, asked: (i: number) => Asked = () => ({})) {
  const counts: Record<string, number> = {};
  for (let i = 0; i < times; i++) {
    const id = idOf(pool, asked(i)) ?? 'nobody';
    counts[id] = (counts[id] ?? 0) + 1;
  }
  return counts;
}

test('smooth round robin: exact shares, never in a row when it can be helped', () => {
  const pool = poolOf({
    members: [
      ['a', 5],
      ['b', 1],
      ['c', 1],
    ],
  });
  const turns = Array.from({ length: 14 }, () => idOf(pool)).join('');
  assert.equal(turns, 'aabacaaaabacaa');
});

test('a weight of 0 takes none; an empty pool has nobody', () => {
  const pool = poolOf({
    members: [
      ['a', 0],
      ['b', 1],
    ],
  });
  assert.deepEqual(shares(pool, 10), { b: 10 });
  assert.equal(take(poolOf({ members: [] })), null);
});

test('a member is tried once for an exchange; the last one is known as such', () => {
  const pool = poolOf({ settings: { balance: 'ordered' } });
  const first = take(pool)!;
  const second = take(pool, { tried: ['a'] })!;
  const third = take(pool, { tried: ['a', 'b'] })!;
  assert.deepEqual(
    [first, second, third].map(({ member, isLast }) => [member.id, isLast]),
    [
      ['a', false],
      ['b', false],
      ['c', true],
    ],
  );
  assert.equal(take(pool, { tried: ['a', 'b', 'c'] }), null);
  assert.equal(take(pool, { tried: ['a', 'b', 'c'], again: true })!.member.id, 'a');
});

test('least connections: who has fewest in flight for its weight', () => {
  const pool = poolOf({
    members: [
      ['a', 1],
      ['b', 2],
    ],
    settings: { balance: 'least-connections' },
  });
  const open: Lease<null>[] = [];
  for (let i = 0; i < 30; i++) open.push(take(pool)!);
  const held = open.filter(({ member }) => member.id === 'b').length;
  assert.equal(held, 20);
  for (const lease of open) if (lease.member.id === 'a') lease.end(success);
  assert.equal(take(pool)!.member.id, 'a');
});

test('least connections among many: the better of two drawn by weight, nearly even', () => {
  const members = Array.from({ length: 50 }, (_, i) => [`m${i}`, 1] as const);
  const pool = poolOf({ members, settings: { balance: 'least-connections' } });
  const held: Record<string, number> = {};
  for (let i = 0; i < 5000; i++) {
    const { id } = take(pool)!.member;
    held[id] = (held[id] ?? 0) + 1;
  }
  const most = Math.max(...Object.values(held));
  assert.ok(most <= 104, `two choices: ${most} of 100 (one choice would be about 125)`);
});

test('peak EWMA: a slow member loses traffic at once, and is asked again when time has passed', () => {
  const pool = poolOf({ settings: { balance: 'peak-ewma' } });
  const slow = (id: string): AttemptResult => ({ ...success, firstMs: id === 'a' ? 500 : 10 });
  let nowMs = 1_000_000;
  const ask = () => {
    const lease = take(pool, { nowMs })!;
    lease.end(slow(lease.member.id));
    nowMs += 10;
    return lease.member.id;
  };
  for (let i = 0; i < 20; i++) ask();
  const before = Array.from({ length: 300 }, ask).filter((id) => id === 'a').length;
  assert.ok(before <= 5, `${before} of 300 went to the slow one`);
  // What is known of it fades: it is tried again, and found out again.
  nowMs += 60_000;
  const after = Array.from({ length: 300 }, ask).filter((id) => id === 'a').length;
  assert.ok(after >= 1 && after <= 10, `${after} of 300 later`);
});

test('consistent hash: a key stays; when a member leaves, its keys move and no others', () => {
  const members = Array.from({ length: 10 }, (_, i) => [`m${i}`, 1] as const);
  const settings = { balance: 'consistent-hash', hashBy: { kind: 'client' } } as const;
  const pool = poolOf({ members, settings });
  const keys = Array.from({ length: 4000 }, (_, i) => `key-${i}`);
  const owners = new Map(keys.map((key) => [key, idOf(pool, { affinity: key })!]));
  for (const key of keys.slice(0, 200)) assert.equal(idOf(pool, { affinity: key }), owners.get(key));
  const counts = [...Map.groupBy(owners.values(), (id) => id).values()].map((list) => list.length);
  assert.ok(Math.min(...counts) > 280 && Math.max(...counts) < 540, `${counts}`);
  pool.update(members.filter(([id]) => id !== 'm3').map(memberOf));
  for (const [key, owner] of owners) {
    const now = idOf(pool, { affinity: key });
    if (owner === 'm3') assert.notEqual(now, 'm3');
    else assert.equal(now, owner, key);
  }
});

test('consistent hash: nobody is busier than the bound, however popular a key', () => {
  const settings = { balance: 'consistent-hash', hashBy: { kind: 'client' }, loadBound: 1.25 } as const;
  const members = Array.from({ length: 10 }, (_, i) => [`m${i}`, 1] as const);
  const pool = poolOf({ members, settings });
  const held: Record<string, number> = {};
  for (let i = 0; i < 1000; i++) {
    const { id } = take(pool, { affinity: 'the one key' })!.member;
    held[id] = (held[id] ?? 0) + 1;
    assert.ok(held[id] <= Math.ceil((1.25 * (i + 1)) / 10), `${id} has ${held[id]} of ${i + 1}`);
  }
});

test('priorities: the next one takes what the first is not able to take', () => {
  const passive = {
    ...{ consecutiveFailures: 1, failureRatio: 0, minimumRequests: 1, windowMs: 1000 },
    ...{ ejectMs: 1e6, maxEjectMs: 1e6, maxEjectedPercent: 100, maxCoolDownMs: 0 },
  };
  const pool = poolOf({
    members: [
      ['a', 1, 0],
      ['b', 1, 0],
      ['far', 1, 1],
    ],
    settings: { passive },
  });
  assert.deepEqual(shares(pool, 100), { a: 50, b: 50 });
  while (idOf(pool, {}, success) !== 'a');
  // b is next, and fails.
  assert.equal(idOf(pool, {}, failure), 'b');
  const { a, b = 0, far } = shares(pool, 3000);
  // Half of the weight is in service: times 1.4 it takes 70 of 100.
  assert.equal(b, 0);
  assert.ok(Math.abs(a! / 3000 - 0.7) < 0.03, `${a} ${far}`);
});

test('all out: they are tried all the same, or refused as configured; the cap keeps some in', () => {
  const passive = {
    ...{ consecutiveFailures: 1, failureRatio: 0, minimumRequests: 1, windowMs: 1000 },
    ...{ ejectMs: 10_000, maxEjectMs: 10_000, maxEjectedPercent: 100, maxCoolDownMs: 0 },
  };
  const broken = (whenAllOut: 'try' | 'refuse', maxEjectedPercent = 100) => {
    const pool = poolOf({ settings: { whenAllOut, passive: { ...passive, maxEjectedPercent } } });
    for (let i = 0; i < 30; i++) idOf(pool, {}, failure);
    return pool;
  };
  assert.equal(take(broken('refuse')), null);
  assert.ok(take(broken('try')));
  assert.notEqual(idOf(broken('refuse'), { nowMs: 1000 + 12_000 }), null, 'back after its time');
  const capped = broken('refuse', 50);
  assert.equal(Object.keys(shares(capped, 90)).length, 2, 'a half of three is one');
});

test('slow start: one that comes back grows to its whole share', () => {
  const passive = {
    ...{ consecutiveFailures: 1, failureRatio: 0, minimumRequests: 1, windowMs: 1000 },
    ...{ ejectMs: 1000, maxEjectMs: 1000, maxEjectedPercent: 50, maxCoolDownMs: 0 },
  };
  const members = [
    ['a', 1],
    ['b', 1],
  ] as const;
  const pool = poolOf({ members, settings: { passive, slowStartMs: 10_000 } });
  assert.equal(idOf(pool, { nowMs: 0 }, failure), 'a');
  const shareAt = (nowMs: number) => (shares(pool, 1000, () => ({ nowMs }))['a'] ?? 0) / 1000;
  assert.equal(shareAt(500), 0);
  const seen = [1200, 4000, 7000, 12_000].map(shareAt);
  assert.ok(seen[0]! > 0.05 && seen[0]! < 0.15, `${seen}`);
  assert.ok(seen[1]! > seen[0]! && seen[2]! > seen[1]! && Math.abs(seen[3]! - 0.5) < 0.01, `${seen}`);
});

test('Retry-After: left alone for as long, at most the bound', () => {
  const passive = {
    ...{ consecutiveFailures: 0, failureRatio: 0, minimumRequests: 1, windowMs: 1000 },
    ...{ ejectMs: 1, maxEjectMs: 1, maxEjectedPercent: 100, maxCoolDownMs: 5000 },
  };
  const pool = poolOf({ settings: { balance: 'ordered', passive } });
  assert.equal(idOf(pool, { nowMs: 0 }, { ...success, totalMs: 0, retryAfterMs: 60_000 }), 'a');
  assert.equal(idOf(pool, { nowMs: 4999 }), 'b');
  assert.equal(idOf(pool, { nowMs: 5000 }), 'a');
});

test('cost: the cheapest for the exchange, whatever the order; equals take turns, what has no price comes last', () => {
  const pool = poolOf({ settings: { balance: 'cost' } });
  const costs: Record<string, number> = { a: 3, b: 1, c: 2 };
  // Members have no targets here, so the order of asking tells who is meant.
  const ask = (tried: readonly string[], of: (id: string) => number) => {
    const ids = ['a', 'b', 'c'].filter((id) => !tried.includes(id));
    let at = 0;
    const lease = pool.take({
      ...{ affinity: null, sticky: null, tried, again: false, nowMs: 1000 },
      costOf: () => of(ids[at++]!),
    });
    lease?.end(success);
    return lease?.member.id;
  };
  const by = (id: string) => costs[id]!;
  assert.deepEqual([ask([], by), ask(['b'], by), ask(['b', 'c'], by)], ['b', 'c', 'a']);
  assert.equal(
    ask([], (id) => (id === 'c' ? 9 : Infinity)),
    'c',
  );
  const turns = Array.from({ length: 9 }, () => ask([], () => 1)).sort();
  assert.deepEqual(turns, ['a', 'a', 'a', 'b', 'b', 'b', 'c', 'c', 'c']);
});

test('throughput: who gives more tokens a second gets nearly all; who was slow is tried again with time', () => {
  const pool = poolOf({ settings: { balance: 'throughput' } });
  const rates: Record<string, number> = { a: 20, b: 200, c: 20 };
  const run = (times: number, fromMs: number) => {
    const counts: Record<string, number> = { a: 0, b: 0, c: 0 };
    for (let i = 0; i < times; i++) {
      const lease = take(pool, { nowMs: fromMs + i * 10 })!;
      const { id } = lease.member;
      counts[id]!++;
      lease.end({ ...success, firstMs: 50, totalMs: 50 + 100_000 / rates[id]!, outputTokens: 100 });
    }
    return counts;
  };
  const first = run(600, 1000);
  // Drawn two at a time, the fastest of three is seen in two of three draws.
  assert.ok(first['b']! > 350, JSON.stringify(first));
  rates['b'] = 5;
  rates['a'] = 100;
  run(300, 10_000);
  const later = run(600, 300_000);
  assert.ok(later['a']! > 300 && later['b']! < 60, JSON.stringify(later));
});

test('quota: who has more left gets more, until its reset makes it whole again', () => {
  const pool = poolOf({
    members: [
      ['a', 1],
      ['b', 1],
    ],
    settings: { balance: 'quota' },
  });
  const told = (id: string, left: number, resetMs: number) => {
    let lease = take(pool)!;
    while (lease.member.id !== id) {
      lease.end(success);
      lease = take(pool)!;
    }
    lease.end({ ...success, quota: { left, resetMs } });
  };
  told('a', 0.9, 60_000);
  told('b', 0.1, 60_000);
  assert.deepEqual(
    shares(pool, 20, () => ({ nowMs: 1100 })),
    { a: 20 },
  );
  told('a', 0.05, 120_000);
  assert.deepEqual(
    shares(pool, 20, () => ({ nowMs: 1200 })),
    { b: 20 },
  );
  // After a minute b is whole, and a is not yet.
  assert.deepEqual(
    shares(pool, 20, () => ({ nowMs: 62_000 })),
    { b: 20 },
  );
});
