/** The circuit breaker against a slow model of it, and over real threads. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import type { Lease } from '#core/contracts/target-pool.ts';
import { plainPool, type BreakerSettings } from '#core/pool-settings.ts';
import { createPoolControl, createPoolMemory, Pool, PoolMemory } from './index.ts';

const settings: BreakerSettings = {
  ...{ windowMs: 1000, minimumRequests: 4, failureRatio: 0.5, consecutiveFailures: 3 },
  ...{ slowMs: 0, slowRatio: 1, openMs: 1000, maxOpenMs: 3000, probes: 2 },
};

/** Chance of one half: spans are as they are configured. */
const even = () => 0.5;

function poolOf(memory = new PoolMemory(createPoolMemory({ workers: 1 }), 0)): Pool<null> {
  const members = [{ id: 'a', target: null, weight: 1, priority: 0 }];
  return new Pool({
    ...{ name: 'g', members, memory, random: even },
    settings: { ...plainPool, breaker: settings },
  });
}

const wish = (nowMs: number) => ({ affinity: null, sticky: null, tried: [], again: false, nowMs });
const result = (verdict: 'success' | 'failure' | 'neutral') => ({
  ...{ verdict, firstMs: 0, totalMs: 0, outputTokens: null, retryAfterMs: null },
});

/** As the page tells it, without windows of panes: every result is kept with its time. */
class SlowBreaker {
  #state: 'closed' | 'open' | 'half-open' = 'closed';
  #round = 0;
  #results: { readonly atMs: number; readonly failed: boolean }[] = [];
  #openedAt = 0;
  #streak = 0;
  #probes = 0;
  #good = 0;
  #row = 0;

  take(nowMs: number): { readonly round: number; readonly probe: boolean } | null {
    if (this.#state === 'open') {
      if (nowMs - this.#openedAt < Math.min(1000 * 2 ** (this.#streak - 1), 3000)) return null;
      this.#enter('half-open');
    }
    if (this.#state === 'closed') return { round: this.#round, probe: false };
    if (this.#probes + this.#good >= settings.probes) return null;
    this.#probes++;
    return { round: this.#round, probe: true };
  }

  end(lease: { round: number; probe: boolean }, verdict: 'success' | 'failure' | 'neutral', nowMs: number) {
    if (lease.round !== this.#round) return;
    if (lease.probe) {
      this.#probes--;
      if (verdict === 'failure') return this.#open(nowMs, this.#streak + 1);
      if (verdict === 'success' && ++this.#good === settings.probes) {
        this.#enter('closed');
        this.#results = [];
        this.#row = 0;
      }
      return;
    }
    if (verdict === 'neutral') return;
    const failed = verdict === 'failure';
    this.#results.push({ atMs: nowMs, failed });
    this.#row = failed ? this.#row + 1 : 0;
    if (!failed) return;
    // A result counts until its tenth of the window is ten tenths old.
    const recent = this.#results.filter(({ atMs }) => Math.floor(nowMs / 100) - Math.floor(atMs / 100) < 10);
    const failures = recent.filter((each) => each.failed).length;
    if (this.#row >= 3 || (recent.length >= 4 && failures >= 0.5 * recent.length)) this.#open(nowMs, 1);
  }

  #open(nowMs: number, streak: number): void {
    this.#openedAt = nowMs;
    this.#streak = streak;
    this.#enter('open');
  }

  #enter(state: 'closed' | 'open' | 'half-open'): void {
    this.#state = state;
    this.#round++;
    this.#probes = this.#good = 0;
  }
}

test('any history: lets through what a slow model of it lets through', () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('take' as const) }) },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('end' as const),
        which: fc.nat(5),
        verdict: fc.constantFrom(
          'success' as const,
          'failure' as const,
          'failure' as const,
          'neutral' as const,
        ),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(1500) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 60, maxLength: 200, size: 'max' }), (steps) => {
      const pool = poolOf();
      const model = new SlowBreaker();
      const open: { lease: Lease<null>; own: { round: number; probe: boolean }; atMs: number }[] = [];
      let nowMs = 1_000_000;
      for (const each of steps) {
        if (each.kind === 'wait') nowMs += each.ms;
        else if (each.kind === 'take') {
          const lease = pool.take(wish(nowMs));
          const own = model.take(nowMs);
          assert.equal(lease !== null, own !== null);
          if (lease && own) open.push({ lease, own, atMs: nowMs });
        } else if (open.length > 0) {
          const [{ lease, own, atMs }] = open.splice(each.which % open.length, 1) as [(typeof open)[number]];
          lease.end({ ...result(each.verdict), totalMs: nowMs - atMs });
          model.end(own, each.verdict, nowMs);
        }
      }
    }),
    { seed: 20261123, numRuns: Number(process.env['SLUICE_PROPERTY_RUNS'] ?? 500) },
  );
});

test('half open, exactly as many probes pass as allowed, over all threads', async () => {
  const threads = 4;
  const memory = createPoolMemory({ workers: threads + 1 });
  const control = createPoolControl(memory, threads, { nowMs: () => 0 });
  control.setMembers('g', ['a']);
  const pool = poolOf(new PoolMemory(memory, threads));
  for (let i = 0; i < 3; i++) pool.take(wish(0))!.end(result('failure'));
  assert.equal(control.read()[0]!.members[0]!.state, 'open');
  const entry = new URL('./testing/take-many.ts', import.meta.url);
  const gate = new SharedArrayBuffer(4);
  const workers = Array.from(
    { length: threads },
    (_, lane) => new Worker(entry, { workerData: { memory, lane, gate, settings, nowMs: 5000, times: 200 } }),
  );
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const counts = workers.map(async (worker) => (await once(worker, 'message'))[0] as number);
  Atomics.store(new Int32Array(gate), 0, 1);
  Atomics.notify(new Int32Array(gate), 0);
  const sum = (await Promise.all(counts)).reduce((a, b) => a + b, 0);
  assert.equal(sum, settings.probes);
  // Threads that end with probes in their hands take them along.
  await Promise.all(workers.map((worker) => worker.terminate()));
  for (let lane = 0; lane < threads; lane++) control.recover(lane);
  assert.equal(control.read()[0]!.members[0]!.inFlight, 0);
  const again = [pool.take(wish(5001)), pool.take(wish(5001)), pool.take(wish(5001))];
  assert.deepEqual(
    again.map((lease) => lease !== null),
    [true, true, false],
  );
  for (const lease of again) lease?.end(result('success'));
  assert.equal(control.read()[0]!.members[0]!.breaker, 'closed');
});
