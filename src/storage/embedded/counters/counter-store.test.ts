import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heldWindowMs } from '#core/contracts/counter-store.ts';
import { Fault } from '#core/fault.ts';
import { openCounterStore, type EmbeddedCounterStore } from './counter-store.ts';
import { createCounterMemory, layoutOf } from './layout.ts';
import { recoverOwner, releaseOwner } from './recovery.ts';

const nowMs = 1_700_000_000_000;
const small = { rows: 1024, reservations: 256, owners: 2 };
const open = (memory = createCounterMemory(small)): EmbeddedCounterStore =>
  openCounterStore(memory, { owner: 1, lockTimeoutMs: 20 });
const one = (subject: string, amount = 1, capacity = 10, windowMs = 60_000) => [
  { subject, windowMs, capacity, amount },
];
const isUnavailable = (thrown: unknown): boolean =>
  thrown instanceof Fault && thrown.code === 'limit/unavailable';

test('a unit counts for more than its window, and at most a sixtieth longer', () => {
  const store = open();
  const startMs = nowMs - (nowMs % 1000);
  store.reserve(one('s', 10), startMs + 999);
  assert.equal(store.inspect('s', 60_000, startMs + 60_999).used, 10);
  assert.equal(store.inspect('s', 60_000, startMs + 61_000).used, 0);
  const refused = store.reserve(one('s', 4), startMs + 30_000);
  assert.ok(!refused.admitted);
  assert.equal(refused.retryAfterMs, 31_000);
  assert.equal(store.reserve(one('s', 4), startMs + 60_999).admitted, false);
  assert.equal(store.reserve(one('s', 4), startMs + 61_000).admitted, true);
});

test('one item that does not fit, and nothing is booked', () => {
  const store = open();
  const result = store.reserve([...one('a', 5), ...one('b', 11), ...one('c', 5)], nowMs);
  assert.ok(!result.admitted);
  assert.equal(result.refusedBy.subject, 'b');
  assert.equal(result.retryAfterMs, Infinity);
  for (const subject of ['a', 'b', 'c']) assert.equal(store.inspect(subject, 60_000, nowMs).used, 0);
});

test('settling books overdrafts, in the window of admission, once', () => {
  const store = open();
  const result = store.reserve(one('s', 2), nowMs);
  assert.ok(result.admitted);
  store.settle(result.reservation, [25]);
  store.settle(result.reservation, [1]);
  assert.equal(store.inspect('s', 60_000, nowMs).used, 25);
  assert.equal(store.inspect('s', 60_000, nowMs + 61_000).used, 0, 'not from the time of settling on');
  const late = store.reserve(one('t', 2), nowMs);
  assert.ok(late.admitted);
  store.reserve(one('t', 1), nowMs + 90_000);
  store.settle(late.reservation, [9]);
  assert.equal(store.inspect('t', 60_000, nowMs + 90_000).used, 1, 'its pane has left: nothing to correct');
});

test('a clock that goes back frees nothing', () => {
  const store = open();
  store.reserve(one('s', 10), nowMs);
  assert.equal(store.reserve(one('s'), nowMs - 3_600_000).admitted, false);
  assert.equal(store.inspect('s', 60_000, nowMs - 3_600_000).used, 10);
});

test('windows come back from what was booked, in any order', () => {
  const store = open();
  const booked = (agoMs: number, amount: number) => ({
    subject: 's',
    windowMs: 60_000,
    atMs: nowMs - agoMs,
    amount,
  });
  store.restore([booked(30_000, 4), booked(1000, 2), booked(59_000, 1), booked(200_000, 100)]);
  assert.equal(store.inspect('s', 60_000, nowMs).used, 7);
  assert.equal(store.reserve(one('s', 4), nowMs).admitted, false);
  assert.equal(store.reserve(one('s', 3), nowMs).admitted, true);
});

test('a full table fails closed, keeps what it has, and gives idle rows away', () => {
  const store = open();
  let made = 0;
  assert.throws(() => {
    for (; made < 2000; made++) {
      const result = store.reserve(one(`s${made}`, 10), nowMs);
      if (result.admitted) store.settle(result.reservation, [10]);
    }
  }, isUnavailable);
  assert.ok(made >= 512, `${made} of 1,024 rows before one shard was full`);
  for (let i = 0; i < made; i++) assert.equal(store.inspect(`s${i}`, 60_000, nowMs).used, 10);
  const laterMs = nowMs + 120_000;
  for (let i = 0; i < 100; i++) {
    const result = store.reserve(one(`t${i}`, 10), laterMs);
    assert.ok(result.admitted);
    store.settle(result.reservation, [10]);
    assert.equal(store.reserve(one(`t${i}`), laterMs).admitted, false);
  }
});

test('a late settlement does not touch a row given to another subject', () => {
  const store = open();
  const early = store.reserve(one('early', 5), nowMs);
  assert.ok(early.admitted);
  const laterMs = nowMs + 120_000;
  // Enough others that its row is taken; longer windows number their panes lower, so its pane would seem current.
  const others: string[] = [];
  try {
    for (let i = 0; ; i++) {
      const result = store.reserve(one(`o${i}`, 7, 10, 600_000), laterMs);
      if (result.admitted) store.settle(result.reservation, [7]);
      others.push(`o${i}`);
    }
  } catch (thrown) {
    assert.ok(isUnavailable(thrown));
  }
  store.settle(early.reservation, [9]);
  for (const other of others) assert.equal(store.inspect(other, 600_000, laterMs).used, 7);
});

test('without a free reservation it fails closed; a settled one is free again', () => {
  const store = open();
  const held = Array.from({ length: 256 }, (_, i) => store.reserve(one(`s${i}`), nowMs));
  assert.throws(() => store.reserve(one('x'), nowMs), isUnavailable);
  assert.equal(store.inspect('x', 60_000, nowMs).used, 0);
  const [first] = held;
  assert.ok(first?.admitted);
  store.settle(first.reservation, [0]);
  assert.equal(store.reserve(one('x'), nowMs).admitted, true);
  store.settle(first.reservation, [5]);
  assert.equal(store.inspect('s0', 60_000, nowMs).used, 0, 'an old token opens nothing');
});

test('a lock nobody gives back fails closed in time, and nothing is booked', () => {
  const memory = createCounterMemory(small);
  const store = open(memory);
  const { ints, shardsAt, shards } = layoutOf(memory);
  for (let shard = 0; shard < shards; shard++) Atomics.store(ints, (shardsAt + shard * 8) * 2, 2);
  assert.throws(() => store.reserve(one('s'), nowMs), isUnavailable);
  recoverOwner(memory, 2);
  assert.equal(store.reserve(one('s', 10), nowMs).admitted, true);
});

test('an owner’s number is taken until it is released; its open reservations stay booked', () => {
  const memory = createCounterMemory(small);
  open(memory).reserve(one('s', 6), nowMs);
  assert.throws(() => open(memory), /in use/);
  const [reservation] = recoverOwner(memory, 1);
  assert.deepEqual(reservation?.booked, [6]);
  releaseOwner(memory, 1);
  const next = open(memory);
  assert.equal(next.inspect('s', 60_000, nowMs).used, 6);
  next.settle(reservation, [0]);
  assert.equal(next.inspect('s', 60_000, nowMs).used, 6, 'closed by the release');
});

test('what is held stays until it is settled, and is given back when its thread dies', () => {
  const memory = createCounterMemory({ ...small, reservations: 512 });
  const store = open(memory);
  const dying = openCounterStore(memory, { owner: 2, lockTimeoutMs: 20 });
  const held = (subject: string) => one(subject, 1, 2, heldWindowMs);
  const used = () => store.inspect('s', heldWindowMs, nowMs).used;
  const mine = store.reserve(held('s'), nowMs);
  const theirs = dying.reserve([...held('s'), ...one('rate', 3)], nowMs);
  assert.ok(mine.admitted && theirs.admitted);
  const yearsLater = nowMs + 20 * 365 * 86_400_000;
  assert.equal(store.reserve(held('s'), yearsLater).admitted, false);
  const [left, ...more] = recoverOwner(memory, 2);
  assert.equal(more.length, 0);
  assert.deepEqual(left!.kept, [0, 3]);
  store.settle(left!, left!.kept);
  releaseOwner(memory, 2);
  assert.equal(used(), 1);
  assert.equal(store.inspect('rate', 60_000, nowMs).used, 3, 'what may have been used stays booked');
  store.settle(mine.reservation, [0]);
  assert.equal(used(), 0);
});

test('callers who hold nothing any more leave no rows that others need', () => {
  const store = open();
  for (let caller = 0; caller < 5000; caller++) {
    const result = store.reserve(one(`address:${caller}`, 1, 1, heldWindowMs), nowMs + caller);
    assert.ok(result.admitted, String(caller));
    store.settle(result.reservation, [0]);
  }
});

test('what cannot be an amount, a window or a size is refused', () => {
  const store = open();
  for (const bad of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
    assert.throws(() => store.reserve(one('s', bad), nowMs), RangeError);
    assert.throws(() => store.reserve(one('s', 1, bad), nowMs), RangeError);
  }
  for (const bad of [0, -1, 1.5, NaN]) {
    assert.throws(() => store.reserve(one('s', 1, 10, bad), nowMs), RangeError);
  }
  assert.throws(() => store.reserve(one('s'), NaN), RangeError);
  assert.throws(() => createCounterMemory({ rows: 1000 }), RangeError);
  assert.throws(() => createCounterMemory({ reservations: 100 }), RangeError);
  assert.throws(() => openCounterStore(createCounterMemory(small), { owner: 3 }), RangeError);
});
