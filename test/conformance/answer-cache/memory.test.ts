import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { createAnswerMemory } from '#storage/embedded/answer-memory/layout.ts';
import { MemoryCache } from '#storage/embedded/answer-memory/memory-cache.ts';
import { conforms } from './suite.ts';

conforms('memory', () => {
  let nowMs = 1_000_000;
  const memory = createAnswerMemory(1024 * 1024);
  const open = () => new MemoryCache(memory, () => nowMs);
  return { one: open(), other: open(), advance: (ms) => void (nowMs += ms), close() {} };
});

const entry = (text: string) => ({
  bytes: Buffer.from(text),
  marks: ['tag x'],
  stamp: 0,
  lifetimeMs: 60_000,
});

test('the ring holds what fits in it: the oldest go, what is asked for stays, and one cannot sweep it', () => {
  const cache = new MemoryCache(createAnswerMemory(64 * 1024), () => 1);
  const value = 'v'.repeat(1000);
  for (let i = 0; i < 500; i++) {
    cache.keep(`k${i}`, entry(`${i} ${value}`));
    assert.equal(cache.find('k0').bytes?.toString(), `0 ${value}`, `after ${i}`);
    assert.equal(cache.find(`k${i}`).bytes?.toString(), `${i} ${value}`);
  }
  assert.equal(cache.find('k1').bytes, null);
  cache.keep('sweeping', entry('s'.repeat(9000)));
  assert.equal(cache.find('sweeping').bytes, null);
  assert.equal(cache.find('k499').bytes?.toString(), `499 ${value}`);
});

test('threads that write, read, purge and drop at a time never read what nobody wrote', async () => {
  const rounds = process.env['SLUICE_LONG'] ? 200_000 : 6000;
  const memory = createAnswerMemory(64 * 1024);
  const source = new URL('./ring-worker.ts', import.meta.url);
  const workers = Array.from(
    { length: 3 },
    (_, seed) => new Worker(source, { workerData: { memory, rounds, seed } }),
  );
  const found = await Promise.all(
    workers.map(async (worker) => (await once(worker, 'message'))[0] as { wrong: number; hits: number }),
  );
  assert.equal(
    found.reduce((sum, { wrong }) => sum + wrong, 0),
    0,
  );
  assert.ok(found.every(({ hits }) => hits > 0));
});
