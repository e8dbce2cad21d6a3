/**
 * What limits cost a call: microseconds and round trips of one reservation and its settlement, in memory and over Redis, beside
 * a call that is not limited. `node --conditions=source bench/counters.ts [--callers 64] [--seconds 3]`; needs redis-server.
 */
import { parseArgs } from 'node:util';
import type { CounterStore, LimitItem } from '#core/contracts/counter-store.ts';
import { openCounterStore } from '#storage/embedded/counters/counter-store.ts';
import { createCounterMemory } from '#storage/embedded/counters/layout.ts';
import { openTestCounters } from '../test/harness/redis-counters.ts';

const { callers, seconds } = parseArgs({
  options: { callers: { type: 'string', default: '64' }, seconds: { type: 'string', default: '3' } },
}).values;

/** As a key under a usual configuration has them: requests and tokens a minute, places, money a month. */
const itemsOf = (project: number): LimitItem[] => {
  const start = Date.UTC(2026, 10, 1);
  const calendar = {
    kind: 'calendar',
    startMs: start,
    endMs: start + 30 * 864e5,
    nextEndMs: start + 60 * 864e5,
  };
  const limit = (name: string, window: LimitItem['window'], amount: number) => ({
    ...{ subject: `rate-limit/0/${name}/project:${project}`, window, capacity: 2 ** 50, amount },
  });
  return [
    limit('requests', { kind: 'sliding', windowMs: 60_000 }, 1),
    limit('tokens', { kind: 'bucket', windowMs: 60_000, burst: 2 ** 50 }, 900),
    limit('places', { kind: 'held' }, 1),
    limit('money', calendar as LimitItem['window'], 12_345),
  ];
};

interface Figures {
  readonly calls: number;
  readonly seconds: number;
  readonly microseconds: number[];
}

/** Calls one after another, by so many callers at once. */
async function measure(count: number, call: (id: string) => Promise<void> | void): Promise<Figures> {
  const microseconds: number[] = [];
  const beginMs = performance.now();
  const endMs = beginMs + Number(seconds) * 1000;
  await Promise.all(
    Array.from({ length: count }, async (_, caller) => {
      for (let n = 0; performance.now() < endMs; n++) {
        const atMs = performance.now();
        await call(`${count}-${caller}-${n}`);
        microseconds.push((performance.now() - atMs) * 1000);
      }
    }),
  );
  return { calls: microseconds.length, seconds: (performance.now() - beginMs) / 1000, microseconds };
}

function say(name: string, figures: Figures, more = ''): void {
  const sorted = figures.microseconds.toSorted((a, b) => a - b);
  const at = (q: number) => Math.round(sorted[Math.floor(q * (sorted.length - 1))]! * 10) / 10;
  const rate = Math.round(figures.calls / figures.seconds).toLocaleString('en');
  console.log(`${name.padEnd(34)} ${rate.padStart(9)}/s   p50 ${at(0.5)} µs   p99 ${at(0.99)} µs${more}`);
}

const limitedBy = (store: CounterStore) => async (id: string) => {
  const result = store.reserve(id, itemsOf(id.length % 7), Date.now());
  const answer = result instanceof Promise ? await result : result;
  if (answer.admitted) void store.settle(answer.reservation, [1, 700, 0, 9_876]);
};

say('no limits', await measure(1, async () => void itemsOf(1)));
const embedded = openCounterStore(createCounterMemory(), { owner: 1 });
say('four limits, in memory', await measure(1, limitedBy(embedded)));
const counters = await openTestCounters();
const store = await counters.open();
for (const count of [1, Number(callers)]) {
  const before = store.stats();
  const figures = await measure(count, limitedBy(store));
  const { batches, scripts } = store.stats();
  const perCall = (total: number) => (total / figures.calls).toFixed(2);
  say(
    `four limits, Redis, ${count} at once`,
    figures,
    `   writes a call ${perCall(batches - before.batches)}, scripts a call ${perCall(scripts - before.scripts)}`,
  );
}
await counters.close();
