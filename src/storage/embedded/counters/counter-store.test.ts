import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LimitItem, ReserveResult } from '#core/contracts/counter-store.ts';
import { bookedAs, parseBooked } from '#core/booked-window.ts';
import { Fault } from '#core/fault.ts';
import { openCounterStore, type EmbeddedCounterStore } from './counter-store.ts';
import { createCounterMemory, layoutOf } from './layout.ts';
import { recoverOwner, releaseOwner } from './recovery.ts';

const nowMs = 1_700_000_000_000;
const small = { rows: 1024, reservations: 256, owners: 2 };
const open = (memory = createCounterMemory(small)): EmbeddedCounterStore =>
  openCounterStore(memory, { owner: 1, lockTimeoutMs: 20 });
const sliding = (windowMs = 60_000) => ({ kind: 'sliding' as const, windowMs });
const one = (subject: string, amount = 1, capacity = 10, windowMs = 60_000): LimitItem[] => [
  { subject, window: sliding(windowMs), capacity, amount },
];
let ids = 0;
const reserve = (store: EmbeddedCounterStore, items: readonly LimitItem[], atMs: number): ReserveResult =>
  store.reserve(`id-${++ids}`, items, atMs);
const unitsOf = (store: EmbeddedCounterStore, subject: string, atMs: number, windowMs = 60_000): number =>
  store.unitsOf({ subject, window: sliding(windowMs), capacity: 0 }, atMs);
const isUnavailable = (thrown: unknown): boolean =>
  thrown instanceof Fault && thrown.code === 'limit/unavailable';

test('a unit counts for more than its window, and at most a sixtieth longer', () => {
  const store = open();
  const startMs = nowMs - (nowMs % 1000);
  reserve(store, one('s', 10), startMs + 999);
  assert.equal(unitsOf(store, 's', startMs + 60_999), 10);
  assert.equal(unitsOf(store, 's', startMs + 61_000), 0);
  const refused = reserve(store, one('s', 4), startMs + 30_000);
  assert.ok(!refused.admitted);
  assert.equal(refused.retryAfterMs, 31_000);
  assert.equal(reserve(store, one('s', 4), startMs + 60_999).admitted, false);
  assert.equal(reserve(store, one('s', 4), startMs + 61_000).admitted, true);
});

test('one item that does not fit, and nothing is booked', () => {
  const store = open();
  const result = reserve(store, [...one('a', 5), ...one('b', 11), ...one('c', 5)], nowMs);
  assert.ok(!result.admitted);
  assert.equal(result.refusedBy.subject, 'b');
  assert.equal(result.retryAfterMs, Infinity);
  for (const subject of ['a', 'b', 'c']) assert.equal(unitsOf(store, subject, nowMs), 0);
});

test('settling books overdrafts, in the window of admission, once', () => {
  const store = open();
  const result = reserve(store, one('s', 2), nowMs);
  assert.ok(result.admitted);
  store.settle(result.reservation, [25]);
  store.settle(result.reservation, [1]);
  assert.equal(unitsOf(store, 's', nowMs), 25);
  assert.equal(unitsOf(store, 's', nowMs + 61_000), 0, 'not from the time of settling on');
  const late = reserve(store, one('t', 2), nowMs);
  assert.ok(late.admitted);
  reserve(store, one('t', 1), nowMs + 90_000);
  store.settle(late.reservation, [9]);
  assert.equal(unitsOf(store, 't', nowMs + 90_000), 1, 'its pane has left: nothing to correct');
});

test('a clock that goes back frees nothing', () => {
  const store = open();
  reserve(store, one('s', 10), nowMs);
  assert.equal(reserve(store, one('s'), nowMs - 3_600_000).admitted, false);
  assert.equal(unitsOf(store, 's', nowMs - 3_600_000), 10);
});

test('windows come back from what was booked, in any order', () => {
  const store = open();
  const booked = (agoMs: number, amount: number) => ({
    subject: 's',
    window: sliding(),
    capacity: 0,
    atMs: nowMs - agoMs,
    amount,
  });
  store.restore([booked(30_000, 4), booked(1000, 2), booked(59_000, 1), booked(200_000, 100)]);
  assert.equal(unitsOf(store, 's', nowMs), 7);
  assert.equal(reserve(store, one('s', 4), nowMs).admitted, false);
  assert.equal(reserve(store, one('s', 3), nowMs).admitted, true);
});

test('a full table fails closed, keeps what it has, and gives idle rows away', () => {
  const store = open();
  let made = 0;
  assert.throws(() => {
    for (; made < 2000; made++) {
      const result = reserve(store, one(`s${made}`, 10), nowMs);
      if (result.admitted) store.settle(result.reservation, [10]);
    }
  }, isUnavailable);
  assert.ok(made >= 512, `${made} of 1,024 rows before one shard was full`);
  for (let i = 0; i < made; i++) assert.equal(unitsOf(store, `s${i}`, nowMs), 10);
  const laterMs = nowMs + 120_000;
  for (let i = 0; i < 100; i++) {
    const result = reserve(store, one(`t${i}`, 10), laterMs);
    assert.ok(result.admitted);
    store.settle(result.reservation, [10]);
    assert.equal(reserve(store, one(`t${i}`), laterMs).admitted, false);
  }
});

test('a late settlement does not touch a row given to another subject', () => {
  const store = open();
  const early = reserve(store, one('early', 5), nowMs);
  assert.ok(early.admitted);
  const laterMs = nowMs + 120_000;
  // Enough others that its row is taken; longer windows number their panes lower, so its pane would seem current.
  const others: string[] = [];
  try {
    for (let i = 0; ; i++) {
      const result = reserve(store, one(`o${i}`, 7, 10, 600_000), laterMs);
      if (result.admitted) store.settle(result.reservation, [7]);
      others.push(`o${i}`);
    }
  } catch (thrown) {
    assert.ok(isUnavailable(thrown));
  }
  store.settle(early.reservation, [9]);
  for (const other of others) assert.equal(unitsOf(store, other, laterMs, 600_000), 7);
});

test('without a free reservation it fails closed; a settled one is free again', () => {
  const store = open();
  const held = Array.from({ length: 256 }, (_, i) => reserve(store, one(`s${i}`), nowMs));
  assert.throws(() => reserve(store, one('x'), nowMs), isUnavailable);
  assert.equal(unitsOf(store, 'x', nowMs), 0);
  const [first] = held;
  assert.ok(first?.admitted);
  store.settle(first.reservation, [0]);
  assert.equal(reserve(store, one('x'), nowMs).admitted, true);
  store.settle(first.reservation, [5]);
  assert.equal(unitsOf(store, 's0', nowMs), 0, 'an old token opens nothing');
});

test('a lock nobody gives back fails closed in time, and nothing is booked', () => {
  const memory = createCounterMemory(small);
  const store = open(memory);
  const { ints, shardsAt, shards } = layoutOf(memory);
  for (let shard = 0; shard < shards; shard++) Atomics.store(ints, (shardsAt + shard * 8) * 2, 2);
  assert.throws(() => reserve(store, one('s'), nowMs), isUnavailable);
  recoverOwner(memory, 2);
  assert.equal(reserve(store, one('s', 10), nowMs).admitted, true);
});

test('an owner’s number is taken until it is released; its open reservations stay booked', () => {
  const memory = createCounterMemory(small);
  reserve(open(memory), one('s', 6), nowMs);
  assert.throws(() => open(memory), /in use/);
  const [reservation] = recoverOwner(memory, 1);
  assert.deepEqual(reservation?.booked, [6]);
  releaseOwner(memory, 1);
  const next = open(memory);
  assert.equal(unitsOf(next, 's', nowMs), 6);
  next.settle(reservation, [0]);
  assert.equal(unitsOf(next, 's', nowMs), 6, 'closed by the release');
});

test('what is held stays until it is settled, and is given back when its thread dies', () => {
  const memory = createCounterMemory({ ...small, reservations: 512 });
  const store = open(memory);
  const dying = openCounterStore(memory, { owner: 2, lockTimeoutMs: 20 });
  const held = (subject: string) => [{ subject, window: { kind: 'held' as const }, capacity: 2, amount: 1 }];
  const used = () => store.unitsOf(held('s')[0]!, nowMs);
  const mine = reserve(store, held('s'), nowMs);
  const theirs = reserve(dying, [...held('s'), ...one('rate', 3)], nowMs);
  assert.ok(mine.admitted && theirs.admitted);
  const yearsLater = nowMs + 20 * 365 * 86_400_000;
  assert.equal(reserve(store, held('s'), yearsLater).admitted, false);
  const [left, ...more] = recoverOwner(memory, 2);
  assert.equal(more.length, 0);
  assert.deepEqual(left!.kept, [0, 3]);
  store.settle(left!, left!.kept);
  releaseOwner(memory, 2);
  assert.equal(used(), 1);
  assert.equal(unitsOf(store, 'rate', nowMs), 3, 'what may have been used stays booked');
  store.settle(mine.reservation, [0]);
  assert.equal(used(), 0);
});

test('callers who hold nothing any more leave no rows that others need', () => {
  const store = open();
  for (let caller = 0; caller < 5000; caller++) {
    const result = reserve(
      store,
      [{ subject: `address:${caller}`, window: { kind: 'held' }, capacity: 1, amount: 1 }],
      nowMs + caller,
    );
    assert.ok(result.admitted, String(caller));
    store.settle(result.reservation, [0]);
  }
});

test('what cannot be an amount, a window or a size is refused', () => {
  const store = open();
  for (const bad of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
    assert.throws(() => reserve(store, one('s', bad), nowMs), RangeError);
    assert.throws(() => reserve(store, one('s', 1, bad), nowMs), RangeError);
  }
  for (const bad of [0, -1, 1.5, NaN]) {
    assert.throws(() => reserve(store, one('s', 1, 10, bad), nowMs), RangeError);
  }
  assert.throws(() => reserve(store, one('s'), NaN), RangeError);
  assert.throws(() => createCounterMemory({ rows: 1000 }), RangeError);
  assert.throws(() => createCounterMemory({ reservations: 100 }), RangeError);
  assert.throws(() => openCounterStore(createCounterMemory(small), { owner: 3 }), RangeError);
});

test('subjects that callers make leave room for the others, and share rows where there is none for them', () => {
  const store = open();
  const invented = (subject: string): LimitItem => ({
    subject: `rate-limit/0/requests/sliding-60000/${subject}`,
    invented: true,
    window: sliding(),
    capacity: 10,
    amount: 1,
  });
  let refused = 0;
  for (let i = 0; i < 5000; i++) {
    const result = reserve(store, [invented(`address:${i}`)], nowMs);
    if (result.admitted) store.settle(result.reservation, [1]);
    else refused++;
  }
  assert.ok(refused > 4000, `${refused}: those who share a row are one`);
  for (let i = 0; i < 200; i++) assert.equal(reserve(store, one(`project:${i}`), nowMs).admitted, true);
  assert.equal(store.unitsOf(invented('address:0'), nowMs), 1, 'who has a row of his own keeps it');
  assert.equal(
    reserve(store, [invented('address:9999')], nowMs + 120_000).admitted,
    true,
    'rows come free again',
  );
});

test('what was booked comes back in every kind of window', () => {
  const window = {
    sliding: sliding(),
    bucket: { kind: 'bucket', windowMs: 60_000, burst: 60 },
    calendar: { kind: 'calendar', startMs: nowMs - 5000, endMs: nowMs + 5000, nextEndMs: nowMs + 9000 },
    held: { kind: 'held' },
  } as const;
  const before = open();
  const items = Object.entries(window).map(([subject, kind], i): LimitItem => ({
    subject,
    window: kind,
    capacity: 60,
    amount: 30 + i,
    invented: i === 0,
  }));
  const result = reserve(before, items, nowMs);
  assert.ok(result.admitted);
  const onRecord = items.flatMap((item) => bookedAs(item, item.amount, nowMs) ?? []);
  assert.equal(onRecord.length, 3, 'what is only held is no record');
  const after = open();
  after.restore(onRecord.map((booked) => ({ ...parseBooked(booked), amount: booked.amount, atMs: nowMs })));
  for (const laterMs of [0, 4000, 7000, 61_000]) {
    const units = items.slice(0, 3).map((item) => after.unitsOf(item, nowMs + laterMs));
    assert.deepEqual(
      units,
      items.slice(0, 3).map((item) => before.unitsOf(item, nowMs + laterMs)),
      `after ${laterMs} ms`,
    );
  }
});
