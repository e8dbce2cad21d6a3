import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { openCounterStore, type EmbeddedCounterStore } from '#storage/embedded/counters/counter-store.ts';
import {
  createCounterMemory,
  layoutOf,
  rowHeaderWords,
  rowValues,
  rowWords,
} from '#storage/embedded/counters/layout.ts';
import { recoverOwner, releaseOwner } from '#storage/embedded/counters/recovery.ts';
import { rowField } from '#storage/embedded/counters/row-fields.ts';
import type { RaceJob } from './reserve-worker.ts';

const long = process.env['SLUICE_LONG'] === '1';
const nowMs = 1_000_000;
const unitsOf = (store: EmbeddedCounterStore, subject: string): number =>
  store.unitsOf({ subject, window: { kind: 'sliding', windowMs: 60_000 }, capacity: 0 }, nowMs);

function startWorker(job: Partial<RaceJob> & Pick<RaceJob, 'memory' | 'signals' | 'owner' | 'job'>): Worker {
  const defaults = { seed: job.owner, threads: 1, rounds: 1, callers: 1, haltAtWrite: 0 };
  return new Worker(new URL('./reserve-worker.ts', import.meta.url), { workerData: { ...defaults, ...job } });
}

const ended = async (worker: Worker): Promise<void> => {
  const [code] = (await once(worker, 'exit')) as [number];
  assert.equal(code, 0);
};

async function waitFor(signals: Int32Array, index: number, reached: (value: number) => boolean) {
  for (let value; !reached((value = Atomics.load(signals, index)));) {
    await Atomics.waitAsync(signals, index, value, 50).value;
  }
}

/** Every row's sum is the sum of its panes; returns the sum of all. */
function auditRows(memory: SharedArrayBuffer): number {
  const { words, rowsAt, shards, rowsPerShard } = layoutOf(memory);
  let total = 0;
  for (let i = 0; i < shards * rowsPerShard; i++) {
    const row = rowsAt + i * rowWords;
    const panes = words.subarray(row + rowHeaderWords, row + rowHeaderWords + rowValues);
    const sum = panes.reduce((a, b) => a + b, 0);
    assert.equal(words[row + rowField.sum], sum);
    assert.ok(panes.every((units) => units >= 0));
    total += sum;
  }
  return total;
}

test('1,000 callers in four threads against a limit for 10: exactly 10 are admitted, every time', async (t) => {
  const rounds = long ? 500 : 40;
  let wrong = 0;
  for (const seed of [1, 53]) {
    const memory = createCounterMemory({ rows: 2048, reservations: 65_536 });
    const signals = new SharedArrayBuffer(4 * (8 + rounds));
    const threads = [1, 2, 3, 4].map((owner) =>
      startWorker({
        memory,
        signals,
        owner,
        job: 'race',
        seed: seed * 100 + owner,
        threads: 4,
        rounds,
        callers: 250,
      }),
    );
    await Promise.all(threads.map(ended));
    const admitted = Array.from(new Int32Array(signals, 4 * 8));
    assert.deepEqual(
      admitted,
      admitted.map(() => 10),
    );
    wrong += admitted.filter((count) => count !== 10).length;
    // All or nothing: the wide items were booked by the admitted alone.
    assert.equal(auditRows(memory), rounds * 10 * (1 + 7));
    t.diagnostic(`figure: races of 1,000 callers in four threads for 10 places: ${rounds}`);
  }
  t.diagnostic(`figure: races that admitted more or fewer than 10: ${wrong}`);
});

test('threads killed at any moment leave sums that add up, and the others go on', async (t) => {
  const memory = createCounterMemory({ rows: 1024, reservations: 4096, owners: 8 });
  const signals = new SharedArrayBuffer(64);
  const words = new Int32Array(signals);
  const main = openCounterStore(memory, { owner: 8, lockTimeoutMs: 60_000 });
  const survivor = startWorker({ memory, signals, owner: 1, job: 'churn' });
  const survived = ended(survivor);
  let seed = 7;
  const kills = long ? 300 : 12;
  for (let kill = 0; kill < kills; kill++) {
    const before = Atomics.load(words, 3);
    // Owner 2 each time: its number is free again once released.
    const victim = startWorker({ memory, signals, owner: 2, job: 'churn', seed: kill });
    await once(victim, 'online');
    await waitFor(words, 3, (steps) => steps > before + 100);
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    await delay(seed % 40);
    await victim.terminate();
    for (const open of recoverOwner(memory, 2))
      main.settle(
        open,
        open.booked.map(() => 0),
      );
    releaseOwner(memory, 2);
    const after = Atomics.load(words, 3);
    await waitFor(words, 3, (steps) => steps > after + 100);
  }
  Atomics.store(words, 1, 1);
  await survived;
  const left = auditRows(memory);
  assert.equal(left, 0);
  t.diagnostic(`figure: threads killed amid reservations: ${kills}`);
  t.diagnostic(`figure: units they left booked: ${left}`);
});

test('a thread that dies after any write of a step has done the step or not, in windows of every kind', async () => {
  const limits = {
    tokens: { kind: 'sliding', windowMs: 60_000 },
    requests: { kind: 'sliding', windowMs: 60_000 },
    bucket: { kind: 'bucket', windowMs: 60_000, burst: 10 },
    month: { kind: 'calendar', startMs: 0, endMs: 2_000_000, nextEndMs: 3_000_000 },
    places: { kind: 'held' },
  } as const;
  // The life of a reservation: not there, reserved, debited, extended, settled.
  const lives = ['0,0,0,0,0,0', '5,1,3,10,1,1', '7,2,5,12,1,1', '8,2,10,12,2,1', '3,4,1,2,0,0'];
  const seen = new Set<string>();
  for (let haltAtWrite = 1, halted = true; halted; haltAtWrite++) {
    assert.ok(haltAtWrite < 200);
    const memory = createCounterMemory({ rows: 1024, reservations: 256, owners: 2 });
    const signals = new SharedArrayBuffer(64);
    const words = new Int32Array(signals);
    const victim = startWorker({ memory, signals, owner: 1, job: 'halt', haltAtWrite });
    await waitFor(words, 2, (value) => value !== 0);
    halted = Atomics.load(words, 2) === 1;
    await victim.terminate();
    const open = recoverOwner(memory, 1);
    assert.deepEqual(recoverOwner(memory, 1), open, 'a second recovery changes nothing');
    const main = openCounterStore(memory, { owner: 2 });
    const units = Object.entries(limits).map(([subject, window]) =>
      main.unitsOf({ subject, window, capacity: 5 }, nowMs),
    );
    const life = [...units, open.length].join();
    assert.ok(lives.includes(life), `after write ${haltAtWrite}: ${life}`);
    if (open.length > 0) assert.deepEqual(open[0]!.booked, units);
    seen.add(life);
    for (const reservation of open) main.settle(reservation, [0, 0, 0, 0, 0]);
    if (open.length > 0) assert.equal(unitsOf(main, 'tokens'), 0);
    releaseOwner(memory, 1);
    openCounterStore(memory, { owner: 1 });
  }
  assert.deepEqual([...seen].sort(), [...lives].sort(), 'every moment of its life was met');
});

test('who waits for a dead thread’s lock gets it after recovery', async () => {
  const memory = createCounterMemory({ rows: 1024, reservations: 512, owners: 2 });
  const signals = new SharedArrayBuffer(64);
  const words = new Int32Array(signals);
  const victim = startWorker({ memory, signals, owner: 1, job: 'halt', haltAtWrite: 3 });
  await waitFor(words, 2, (value) => value === 1);
  const waiting = startWorker({ memory, signals, owner: 2, job: 'wait' });
  const waited = ended(waiting);
  await waitFor(words, 2, (value) => value === 3);
  await delay(50);
  assert.equal(Atomics.load(words, 3), 0, 'still locked');
  await victim.terminate();
  assert.deepEqual(recoverOwner(memory, 1), []);
  await waited;
  assert.equal(Atomics.load(words, 3), 1, 'all 100 are free: the dead thread took none');
});
