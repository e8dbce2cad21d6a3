import { parentPort, workerData } from 'node:worker_threads';
import type { AnswerMemory } from '#storage/embedded/answer-memory/layout.ts';
import { MemoryCache } from '#storage/embedded/answer-memory/memory-cache.ts';

const { memory, rounds, seed } = workerData as { memory: AnswerMemory; rounds: number; seed: number };
const cache = new MemoryCache(memory, () => 1);
let state = seed + 1;
const random = (below: number) => ((state = (state * 1_103_515_245 + 12_345) % 2_147_483_648), state % below);

let wrong = 0;
let hits = 0;
for (let i = 0; i < rounds; i++) {
  const key = `k${random(60)}`;
  const did = random(10);
  if (did < 4) {
    const length = random(3000);
    const bytes = Buffer.from(`${key}:${length}:`.padEnd(length + 12, key));
    cache.keep(key, { bytes, marks: [key], stamp: cache.find(key).stamp, lifetimeMs: 1000 });
  } else if (did === 4) cache.purge([key]);
  else if (did === 5) cache.drop(key);
  else {
    const { bytes } = cache.find(key);
    if (!bytes) continue;
    hits++;
    const [of, length] = bytes.toString().split(':', 2);
    const expected = `${key}:${length}:`.padEnd(Number(length) + 12, key);
    if (of !== key || bytes.toString() !== expected) wrong++;
  }
}
parentPort!.postMessage({ wrong, hits });
