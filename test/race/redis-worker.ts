/** A node of a race: an access to the counters of its own, in a thread of its own. */
import { parentPort, workerData } from 'node:worker_threads';
import { setTimeout as delay } from 'node:timers/promises';
import type { LimitItem, Reservation } from '#core/contracts/counter-store.ts';
import { Fault } from '#core/fault.ts';
import { openRedisCounters } from '#storage/distributed/counters/redis-counter-store.ts';
import { systemClock } from '../../src/compose/system-clock.ts';

export interface RedisJob {
  readonly url: string;
  readonly owner: string;
  readonly timeoutMs: number;
  /** `race`: all at once, and say how many were admitted. `churn`: come and go until told to stop. */
  readonly job: 'race' | 'churn';
  readonly callers: number;
  readonly items: readonly LimitItem[];
  /** Of a race: the round, so that ids are new. */
  readonly round: number;
  /** Shared: 0 stop, 1 now at work, 2 most that ever were, 3 admitted in all. */
  readonly figures: SharedArrayBuffer;
}

const job = workerData as RedisJob;
const figures = new Int32Array(job.figures);
const { url, owner, timeoutMs } = job;
const store = openRedisCounters({
  ...{ url, cluster: null, sentinels: null, tls: null },
  ...{ owner, timeoutMs, name: 'test', clock: systemClock },
});
while (!(await store.untilUsable(1000)));

/** Null: refused, or there was no store. */
async function reserve(id: string): Promise<Reservation | null> {
  try {
    const result = await store.reserve(id, job.items, Date.now());
    return result.admitted ? result.reservation : null;
  } catch (error) {
    if (error instanceof Fault && error.code === 'limit/unavailable') return null;
    throw error;
  }
}

async function race(): Promise<void> {
  parentPort!.postMessage('ready');
  await new Promise((resolve) => parentPort!.once('message', resolve));
  const admitted = await Promise.all(
    Array.from({ length: job.callers }, (_, n) => reserve(`${owner}-${job.round}-${n}`)),
  );
  Atomics.add(figures, 3, admitted.filter((reservation) => reservation !== null).length);
}

async function churn(caller: number): Promise<void> {
  for (let n = 0; Atomics.load(figures, 0) === 0; n++) {
    const reservation = await reserve(`${owner}-${caller}-${n}`);
    if (reservation) {
      const atWork = Atomics.add(figures, 1, 1) + 1;
      if (atWork > Atomics.load(figures, 2)) Atomics.store(figures, 2, atWork);
      Atomics.add(figures, 3, 1);
      await delay((caller + n) % 5);
      store.debit(reservation, 1, [0, 3]);
      Atomics.sub(figures, 1, 1);
      store.settle(reservation, [0, 1]);
    }
    await delay((caller * 7 + n) % 3);
  }
}

if (job.job === 'race') await race();
else await Promise.all(Array.from({ length: job.callers }, (_, caller) => churn(caller)));
while (store.stats().queued > 0) await delay(10);
await store.close();
parentPort!.close();
