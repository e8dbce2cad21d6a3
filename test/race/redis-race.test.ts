import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { openTestCounters, usable } from '../harness/redis-counters.ts';
import { startRedis, startRedisProxy } from '../harness/redis.ts';
import type { RedisJob } from './redis-worker.ts';

const long = process.env['SLUICE_LONG'] === '1';
const nodes = 3;
const hour = { kind: 'sliding', windowMs: 3_600_000 } as const;
const places = { subject: 'places', window: { kind: 'held' }, capacity: 10 } as const;
const plenty = { subject: 'plenty', window: hour, capacity: 1_000_000 } as const;

function startNode(job: Partial<RedisJob> & Pick<RedisJob, 'url' | 'owner' | 'job' | 'items' | 'figures'>) {
  const defaults = { timeoutMs: 20_000, callers: 400, round: 0 };
  return new Worker(new URL('./redis-worker.ts', import.meta.url), { workerData: { ...defaults, ...job } });
}

const ended = async (worker: Worker): Promise<void> => {
  const [code] = (await once(worker, 'exit')) as [number];
  assert.equal(code, 0);
};

test('three nodes with 400 callers each against a limit for ten: exactly ten are admitted, every time', async (t) => {
  const rounds = long ? 50 : 4;
  const counters = await openTestCounters();
  const store = await counters.open();
  try {
    let wrong = 0;
    for (let round = 0; round < rounds; round++) {
      const figures = new SharedArrayBuffer(16);
      const scarce = { subject: `scarce-${round}`, window: hour, capacity: 10 };
      const items = [
        { ...scarce, amount: 1 },
        { ...plenty, amount: 7 },
      ];
      const threads = Array.from({ length: nodes }, (_, n) =>
        startNode({ url: counters.redis.url, owner: `race-${n}`, job: 'race', items, round, figures }),
      );
      await Promise.all(threads.map((thread) => once(thread, 'message')));
      for (const thread of threads) thread.postMessage('go');
      await Promise.all(threads.map(ended));
      if (new Int32Array(figures)[3] !== 10) wrong++;
      const [, beside] = await store.inspect([scarce, plenty], Date.now());
      // All or nothing: booked by the admitted alone.
      assert.equal(plenty.capacity - beside!.remaining, 70 * (round + 1));
    }
    assert.equal(wrong, 0);
    t.diagnostic(`figure: races of 1,200 callers on three nodes over Redis for 10 places: ${rounds}`);
    t.diagnostic(`figure: races over Redis that admitted more or fewer than 10: ${wrong}`);
  } finally {
    await counters.close();
  }
});

test('while Redis stands still and connections break, no place is given twice and every call counts once', async (t) => {
  const redis = await startRedis();
  const proxy = await startRedisProxy(redis.port);
  const counters = await openTestCounters({ redis });
  const store = await counters.open();
  const figures = new SharedArrayBuffer(16);
  const words = new Int32Array(figures);
  const items = [
    { ...places, amount: 1 },
    { ...plenty, amount: 5 },
  ];
  const blows = long ? 60 : 8;
  try {
    const threads = Array.from({ length: nodes }, (_, n) =>
      startNode({
        ...{ url: proxy.url, owner: `churn-${n}`, job: 'churn', items, figures },
        ...{ callers: 12, timeoutMs: 250 },
      }),
    );
    const all = Promise.all(threads.map(ended));
    for (let blow = 0; blow < blows; blow++) {
      const before = Atomics.load(words, 3);
      // In between they get something done.
      while (Atomics.load(words, 3) < before + 50) await delay(10);
      if (blow % 3 === 0) {
        redis.pause();
        await delay(600);
        redis.resume();
      } else if (blow % 3 === 1) proxy.cut();
      else proxy.loseReplies(null, 5);
    }
    Atomics.store(words, 0, 1);
    await all;
    assert.ok(words[2]! <= 10, `${words[2]} were at work at once`);
    const [free, rest] = await store.inspect([places, plenty], Date.now());
    assert.equal(free!.remaining, 10);
    assert.equal(plenty.capacity - rest!.remaining, words[3], 'one unit for each that was admitted');
    t.diagnostic(`figure: blows to Redis under load, connections cut and standstills: ${blows}`);
  } finally {
    Atomics.store(words, 0, 1);
    await counters.close();
    await proxy.close();
  }
});

test('while Redis is killed and loses everything, no place is given twice', async (t) => {
  const counters = await openTestCounters({ graceMs: 3000 });
  const store = await counters.open();
  const figures = new SharedArrayBuffer(16);
  const words = new Int32Array(figures);
  const kills = long ? 12 : 2;
  try {
    const threads = Array.from({ length: nodes }, (_, n) =>
      startNode({
        ...{ url: counters.redis.url, owner: `killed-${n}`, job: 'churn', figures },
        ...{
          callers: 12,
          timeoutMs: 250,
          items: [
            { ...places, amount: 1 },
            { ...plenty, amount: 5 },
          ],
        },
      }),
    );
    const all = Promise.all(threads.map(ended));
    for (let kill = 0; kill < kills; kill++) {
      const before = Atomics.load(words, 3);
      while (Atomics.load(words, 3) < before + 50) await delay(10);
      await counters.redis.restart();
    }
    const before = Atomics.load(words, 3);
    while (Atomics.load(words, 3) < before + 50) await delay(10);
    Atomics.store(words, 0, 1);
    await all;
    await usable(store);
    assert.ok(words[2]! <= 10, `${words[2]} were at work at once`);
    assert.equal((await store.inspect([places], Date.now()))[0]!.remaining, 10);
    assert.equal(counters.control.rebuilds, kills + 1);
    t.diagnostic(`figure: times that Redis was killed under load and lost everything: ${kills}`);
  } finally {
    Atomics.store(words, 0, 1);
    await counters.close();
  }
});
