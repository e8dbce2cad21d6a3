/** A thread that asks a pool many times at once, and keeps what it was given. Says how many it got. */
import { parentPort, workerData } from 'node:worker_threads';
import { plainPool, type BreakerSettings } from '#core/pool-settings.ts';
import { Pool, PoolMemory } from '../index.ts';

const { memory, lane, gate, settings, nowMs, times } = workerData as {
  memory: SharedArrayBuffer;
  lane: number;
  gate: SharedArrayBuffer;
  settings: BreakerSettings;
  nowMs: number;
  times: number;
};
const pool = new Pool({
  name: 'g',
  members: [{ id: 'a', target: null, weight: 1, priority: 0 }],
  settings: { ...plainPool, breaker: settings },
  memory: new PoolMemory(memory, lane),
  random: Math.random,
});
parentPort!.postMessage('ready');
Atomics.wait(new Int32Array(gate), 0, 0);
let taken = 0;
for (let i = 0; i < times; i++)
  if (pool.take({ affinity: null, sticky: null, tried: [], again: false, nowMs })) taken++;
parentPort!.postMessage(taken);
