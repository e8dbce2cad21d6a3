import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { LimitItem, ReserveResult } from '#core/contracts/counter-store.ts';
import { Fault } from '#core/fault.ts';
import { openCounterStore, type BookedAmount } from '#storage/embedded/counters/counter-store.ts';
import { createCounterMemory } from '#storage/embedded/counters/layout.ts';
import type { RedisCounterStore } from '#storage/distributed/counters/redis-counter-store.ts';
import { makeAuthority } from '../../src/transport/testing/authority.ts';
import { openTestCounters, usable, type TestCounters } from '../harness/redis-counters.ts';
import { askRedis, caughtUp, promote, startRedis, startRedisProxy } from '../harness/redis.ts';

const hour = { kind: 'sliding', windowMs: 3_600_000 } as const;
const requests = { subject: 'requests', window: hour, capacity: 100 };
const places = { subject: 'places', window: { kind: 'held' }, capacity: 10 } as const;
const one = (...limits: readonly Omit<LimitItem, 'amount'>[]) =>
  limits.map((limit) => ({ ...limit, amount: 1 }));

/** As the page has them. */
const rights = /`(\+eval [^`]*)` on keys/.exec(readFileSync('docs/redis.md', 'utf8'))![1]!.split(' ');

const left = async (store: RedisCounterStore, limit: Omit<LimitItem, 'amount'>) =>
  (await store.inspect([limit], Date.now()))[0]!.remaining;

async function admit(store: RedisCounterStore, id: string, items: readonly LimitItem[]) {
  const result = await store.reserve(id, items, Date.now());
  assert.ok(result.admitted);
  return result.reservation;
}

const isUnavailable = (error: unknown) => {
  assert.ok(error instanceof Fault);
  assert.equal(error.code, 'limit/unavailable');
  assert.equal(error.status, 503);
  return true;
};

async function until(reached: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await reached())) await delay(10);
}

/** Calls until one is refused for want of a store. */
async function untilUnavailable(store: RedisCounterStore): Promise<void> {
  for (let n = 0; ; n++) {
    try {
      const result = await store.reserve(`probe-${n}`, [], Date.now());
      if (result.admitted) await store.settle(result.reservation, []);
    } catch (error) {
      isUnavailable(error);
      return;
    }
    await delay(5);
  }
}

test('answers that are lost count once: of reservations, extensions, debits and settlements', async () => {
  const redis = await startRedis();
  const proxy = await startRedisProxy(redis.port);
  const counters = await openTestCounters({ urlOf: () => proxy.url, redis });
  try {
    const store = await counters.open();
    const scripts = ['reserve', 'extend', 'debit', 'settle'] as const;
    for (let round = 0; round < 10; round++) {
      const limit = { ...requests, subject: `lost-${round}` };
      const lose = (name: (typeof scripts)[number]) => proxy.loseReplies(counters.sha1(name), 1);
      lose('reserve');
      const reservation = await admit(store, `lost-${round}`, one(limit));
      assert.equal(await left(store, limit), 99);
      lose('extend');
      assert.deepEqual(await store.extend(reservation, 1, [4]), [4]);
      assert.equal(await left(store, limit), 95);
      lose('debit');
      store.debit(reservation, 2, [5]);
      await until(() => store.stats().queued === 0);
      assert.equal(await left(store, limit), 90);
      lose('settle');
      store.settle(reservation, [3]);
      await until(() => store.stats().queued === 0);
      assert.equal(await left(store, limit), 97);
    }
    assert.equal(proxy.cuts, 40, 'every answer that was to be lost was');
  } finally {
    await counters.close();
    await proxy.close();
  }
});

test('a reservation that nobody learns of is given back', async () => {
  const counters = await openTestCounters({ timeoutMs: 300 });
  try {
    const store = await counters.open();
    counters.redis.pause();
    await assert.rejects(store.reserve('unheard', one(places), Date.now()), isUnavailable);
    counters.redis.resume();
    await usable(store);
    await until(() => store.stats().queued === 0);
    assert.equal(await left(store, places), 10);
  } finally {
    await counters.close();
  }
});

test('a store that does not answer refuses, soon without waiting, and serves again by itself', async () => {
  const counters = await openTestCounters({ timeoutMs: 300 });
  try {
    const store = await counters.open();
    const reservation = await admit(store, 'before', one(requests, places));
    counters.redis.pause();
    await untilUnavailable(store);
    await delay(400);
    const results = await Promise.allSettled(
      Array.from({ length: 1000 }, (_, n) => store.reserve(`paused-${n}`, one(requests), Date.now())),
    );
    assert.ok(results.every(({ status }) => status === 'rejected'));
    assert.equal(store.stats().timeouts < 50, true, 'those who came later were not kept waiting');
    // Nothing on the way back of a call waits for the store.
    store.debit(reservation, 1, [2, 0]);
    store.settle(reservation, [5, 0]);
    counters.redis.resume();
    await usable(store);
    await until(() => store.stats().queued === 0);
    assert.equal(await left(store, requests), 95);
    assert.equal(await left(store, places), 10);
  } finally {
    await counters.close();
  }
});

test('a Redis that lost everything is built from the ledger, and nodes bring in what is open', async () => {
  const ledger: BookedAmount[] = [];
  const counters = await openTestCounters({ ledger: () => ledger, graceMs: 500 });
  try {
    const [first, second] = [await counters.open(), await counters.open()];
    const settledLongAgo = { ...requests, atMs: Date.now() - 60_000, amount: 20 };
    const open = await admit(first, 'open', [
      { ...requests, amount: 7 },
      { ...places, amount: 1 },
    ]);
    await admit(second, 'other', one(places));
    const lately = await admit(second, 'lately', [{ ...requests, amount: 9 }]);
    second.settle(lately, [3]);
    await until(() => second.stats().queued === 0);
    ledger.push(settledLongAgo);
    await counters.redis.restart();
    await Promise.all([
      until(() => first.stats().reason !== null),
      until(() => second.stats().reason !== null),
    ]);
    await usable(first);
    await usable(second);
    // 20 of the ledger, 7 that are open, 3 settled so lately that the ledger may not know.
    assert.equal(await left(second, requests), 100 - 20 - 7 - 3);
    assert.equal(await left(second, places), 8);
    first.settle(open, [1, 0]);
    await until(() => first.stats().queued === 0);
    assert.equal(await left(second, requests), 100 - 20 - 1 - 3);
    assert.equal(await left(second, places), 9);
    assert.equal(counters.control.rebuilds, 2);
  } finally {
    await counters.close();
  }
});

test('data that a restart brings back is not believed', async () => {
  const counters = await openTestCounters({
    keep: true,
    ledger: () => [{ ...requests, atMs: Date.now(), amount: 40 }],
  });
  try {
    const store = await counters.open();
    assert.equal(await left(store, requests), 60);
    await admit(store, 'a', one(requests));
    // It is kept on the disk; read before the restart, because counters are built anew as soon as it is back.
    const marker = await askRedis(counters.redis.port, ['GET', '{sluice:test}:marker']);
    await counters.redis.restart();
    await until(() => counters.control.rebuilds === 2);
    await usable(store);
    const after = await askRedis(counters.redis.port, ['GET', '{sluice:test}:marker']);
    assert.notEqual(after, marker);
    assert.equal(await left(store, requests), 59);
  } finally {
    await counters.close();
  }
});

test('after a failover nobody counts by what the replica has, until the counters are built anew', async () => {
  const primary = await startRedis();
  const replica = await startRedis({ replicaOf: primary });
  const proxy = await startRedisProxy(primary.port);
  let built = 0;
  const counters = await openTestCounters({
    ...{ redis: primary, urlOf: () => proxy.url, timeoutMs: 500 },
    ledger: () => (built++ === 0 ? [] : [{ ...requests, atMs: Date.now(), amount: 50 }]),
  });
  try {
    const store = await counters.open();
    const reservation = await admit(store, 'a', [{ ...requests, amount: 10 }]);
    await caughtUp(primary, replica);
    await primary.kill();
    // A replica has the marker, and refuses to write.
    proxy.lead(replica.port);
    await untilUnavailable(store);
    await until(() => store.stats().reason === 'the server that answers is a replica');
    await promote(replica);
    await usable(store);
    assert.equal(built, 2);
    assert.equal(await left(store, requests), 40, '50 of the ledger, and 10 that are open');
    store.settle(reservation, [1]);
    await until(() => store.stats().queued === 0);
    assert.equal(await left(store, requests), 49);
  } finally {
    await counters.close();
    await proxy.close();
    await replica.stop();
  }
});

test('a primary that becomes a replica and a primary again has changed, though no connection broke', async () => {
  const primary = await startRedis();
  const other = await startRedis();
  const counters = await openTestCounters({ redis: primary });
  try {
    const store = await counters.open();
    await admit(store, 'a', one(requests));
    const before = counters.control.rebuilds;
    await askRedis(primary.port, ['REPLICAOF', '127.0.0.1', String(other.port)]);
    await askRedis(primary.port, ['REPLICAOF', 'NO', 'ONE']);
    // The very next call finds out; it waits, and is answered by the counters that were built anew.
    await admit(store, 'b', one(requests));
    assert.equal(counters.control.rebuilds, before + 1);
    assert.equal(await left(store, requests), 98);
  } finally {
    await counters.close();
    await other.stop();
  }
});

test('places of a node that is gone are free again, what it used stays, and a late settlement still counts', async () => {
  const counters = await openTestCounters();
  try {
    const dead = await counters.open({ owner: 'dead' });
    const reservation = await admit(dead, 'held', [
      { ...requests, amount: 30 },
      { ...places, amount: 4 },
    ]);
    const alive = await counters.open();
    assert.equal(await left(alive, places), 6);
    await counters.control.endOwner('dead');
    assert.equal(await left(alive, places), 10);
    assert.equal(await left(alive, requests), 70);
    // It was only slow: its end is booked, and frees no place twice.
    dead.settle(reservation, [12, 0]);
    await until(() => dead.stats().queued === 0);
    assert.equal(await left(alive, requests), 88);
    assert.equal(await left(alive, places), 10);
  } finally {
    await counters.close();
  }
});

test('leases last as long as their node, and end by themselves after it', async () => {
  const counters = await openTestCounters();
  try {
    const leaseMs = 4000;
    const dead = await counters.open({ owner: 'dead', leaseMs });
    await admit(dead, 'held', one(places));
    const alive = await counters.open({ owner: 'alive', leaseMs });
    await admit(alive, 'kept', one(places));
    assert.equal(await left(alive, places), 8);
    await dead.close();
    await until(async () => (await left(alive, places)) === 9);
    await delay(leaseMs + 2000);
    assert.equal(await left(alive, places), 9, 'of who is alive nothing is taken');
  } finally {
    await counters.close();
  }
});

test('a node alone gives out its share of each limit, and accounts for it afterwards', async () => {
  const counters = await openTestCounters({ timeoutMs: 300 });
  const nodes = 3;
  try {
    const stores = await Promise.all(
      Array.from({ length: nodes }, () =>
        counters.open({
          alone: { store: openCounterStore(createCounterMemory(), { owner: 1 }), share: 0.1 },
        }),
      ),
    );
    const before = await admit(stores[0]!, 'before', [{ ...requests, amount: 40 }]);
    counters.redis.pause();
    await delay(10);
    const results: { store: RedisCounterStore; result: ReserveResult }[] = [];
    for (const [n, store] of stores.entries()) {
      for (let call = 0; call < 30; call++) {
        results.push({ store, result: await store.reserve(`alone-${n}-${call}`, one(requests), Date.now()) });
      }
    }
    const admitted = results.filter(({ result }) => result.admitted);
    assert.equal(admitted.length, nodes * 10, 'a tenth of a hundred for each');
    // More for a stream that began before, as far as the share goes: which is used up.
    assert.deepEqual(await stores[0]!.extend(before, 1, [5]), [0]);
    for (const [n, { store, result }] of admitted.entries()) {
      if (result.admitted && n % 2 === 0) store.settle(result.reservation, [1]);
    }
    counters.redis.resume();
    for (const store of stores) await usable(store);
    for (const store of stores) await until(() => store.stats().queued === 0);
    assert.equal(await left(stores[0]!, requests), 100 - 40 - 30);
    for (const { store, result } of admitted) if (result.admitted) store.settle(result.reservation, [0]);
    for (const store of stores) await until(() => store.stats().queued === 0);
    assert.equal(await left(stores[0]!, requests), 100 - 40 - 15, 'what was settled stays so');
  } finally {
    await counters.close();
  }
});

test('a server that has forgotten its scripts is given them again', async () => {
  const counters: TestCounters = await openTestCounters();
  try {
    const store = await counters.open();
    await askRedis(counters.redis.port, ['SCRIPT', 'FLUSH']);
    const reservation = await admit(store, 'a', one(requests));
    await askRedis(counters.redis.port, ['SCRIPT', 'FLUSH']);
    store.settle(reservation, [9]);
    await until(() => store.stats().queued === 0);
    assert.equal(await left(store, requests), 91);
  } finally {
    await counters.close();
  }
});

test('all keys are below one hash tag: a Cluster counts as well', async () => {
  const counters = await openTestCounters({ cluster: true });
  try {
    const store = await counters.open();
    const reservation = await admit(store, 'a', one(requests, places));
    assert.equal(await left(store, requests), 99);
    store.settle(reservation, [5, 0]);
    await until(() => store.stats().queued === 0);
    assert.equal(await left(store, requests), 95);
    assert.equal(await left(store, places), 10);
  } finally {
    await counters.close();
  }
});

test('changes that are more than can be kept are given up whole: the counters are built anew', async () => {
  const ledger: BookedAmount[] = [];
  const counters = await openTestCounters({ ledger: () => ledger });
  try {
    const store = await counters.open();
    const reservation = await admit(store, 'open', one(requests));
    counters.redis.pause();
    for (let n = 0; n < 51_000; n++) {
      store.settle({ id: `gone-${n}`, token: 0, admittedAtMs: 0, granted: [1] }, [1]);
    }
    assert.ok(store.stats().dropped > 0);
    ledger.push({ ...requests, atMs: Date.now() - 60_000, amount: 10 });
    counters.redis.resume();
    await until(() => counters.control.rebuilds === 2);
    await usable(store);
    assert.equal(await left(store, requests), 89, '10 of the ledger, and one that is open');
    store.settle(reservation, [4]);
    await until(() => store.stats().queued === 0);
    assert.equal(await left(store, requests), 86);
  } finally {
    await counters.close();
  }
});

test('subjects that callers invent are counted on every node alike', async () => {
  const counters = await openTestCounters();
  try {
    const [first, second] = [await counters.open(), await counters.open()];
    const limit = { ...requests, subject: 'rate-limit/0/requests/1h/address:192.0.2.1', invented: true };
    await admit(first, 'a', one(limit));
    await admit(second, 'b', one(limit));
    assert.equal(await left(first, limit), 98);
    assert.equal(await left(first, { ...limit, subject: `${limit.subject}0` }), 100);
  } finally {
    await counters.close();
  }
});

test('over TLS, with a certificate on either side and a password', async () => {
  using authority = makeAuthority();
  const server = { ...authority.issue({ alternatives: 'IP:127.0.0.1' }), ca: authority.ca };
  const redis = await startRedis({ tls: server });
  await askRedis(redis.port, ['ACL', 'SETUSER', 'sluice', 'on', '>p@ss/word', '~{sluice:*', ...rights]);
  const clientTls = { ...authority.issue({ alternatives: 'DNS:node.test' }), ca: authority.ca };
  const urlOf = () => redis.tlsUrl.replace('rediss://', 'rediss://sluice:p%40ss%2Fword@');
  const counters = await openTestCounters({ redis, urlOf, clientTls });
  try {
    const store = await counters.open();
    const reservation = await admit(store, 'a', one(requests, places));
    assert.deepEqual(await store.extend(reservation, 1, [1, 0]), [1, 0]);
    store.debit(reservation, 2, [1, 0]);
    store.settle(reservation, [5, 0]);
    await until(() => store.stats().queued === 0);
    await counters.control.endOwner('node-0');
    assert.equal(await left(store, requests), 95);
    assert.equal(await counters.control.warning(), null);
  } finally {
    await counters.close();
  }
});

test('nothing is left behind for ever: every key expires', async () => {
  const counters = await openTestCounters();
  try {
    const store = await counters.open({ leaseMs: 400 });
    const bucket = {
      subject: 'bucket',
      window: { kind: 'bucket', windowMs: 1000, burst: 5 },
      capacity: 5,
    } as const;
    const start = Math.floor(Date.now() / 60_000) * 60_000;
    const calendar = {
      ...{ subject: 'calendar', capacity: 5 },
      window: { kind: 'calendar', startMs: start, endMs: start + 60_000, nextEndMs: start + 120_000 },
    } as const;
    const open = await admit(store, 'open', one(requests, places, bucket, calendar));
    const settled = await admit(store, 'settled', one(requests, places));
    store.settle(settled, [1, 0]);
    store.debit(open, 1, [1, 0, 1, 1]);
    await until(() => store.stats().queued === 0);
    const eternal = async () => {
      const reply = await askRedis(counters.redis.port, [
        'EVAL',
        `local eternal = {}
         for _, key in ipairs(redis.call('KEYS', '*')) do
           if redis.call('PTTL', key) < 0 then eternal[#eternal + 1] = key end
         end
         return table.concat(eternal, ' ')`,
        '0',
      ]);
      return reply.split('\r\n')[1]!;
    };
    // What an owner holds places with is given its time with the next renewal.
    while ((await eternal()).includes(':held:')) await delay(10);
    assert.equal(await eternal(), '{sluice:test}:marker');
  } finally {
    await counters.close();
  }
});
