/** Rules, delays and budgets of retries against slow models of them, over cases drawn with a fixed seed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '#core/fault.ts';
import { connectRules, fallbackRules, type FailureKind, type RetryRules } from '#core/retry-rules.ts';
import { HeadLatency } from './head-latency.ts';
import { retryAfterMs } from '#core/retry-after.ts';
import { RetryBudget } from './retry-budget.ts';
import { deadlineMs, drawsOnBudget, failureOf, mayRetry, retryDelayMs, type Failure } from './retry-plan.ts';

const rounds = Number(process.env.SLUICE_PROPERTY_ROUNDS ?? 300);

/** Mulberry32. */
function chanceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const kinds: readonly FailureKind[] = ['connect', 'reset', 'timeout', 404, 429, 500, 502, 503, 504];
const rulesOf = (more: Partial<RetryRules>): RetryRules => ({
  ...connectRules,
  on: { connect: true, reset: true, timeout: true, statuses: [429, 503], serverErrors: false },
  backoff: { baseMs: 25, maxMs: 250 },
  maxRetryAfterMs: 2000,
  again: true,
  ...more,
});
const failed = (kind: FailureKind, more: Partial<Failure> = {}): Failure => ({
  kind,
  unsent: kind === 'connect',
  retryAfterMs: null,
  ...more,
});

test('what may have arrived is repeated only by methods that allow it; what never left, by all', () => {
  for (const kind of ['connect', 'reset', 'timeout', 429, 503] as const) {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'POST', 'PATCH']) {
      for (const unsent of [true, false]) {
        const safe = method !== 'POST' && method !== 'PATCH';
        const said = mayRetry(rulesOf({}), failed(kind, { unsent }), { method, made: 1, elapsedMs: 0 });
        assert.equal(said, safe || unsent, `${kind} ${method} ${unsent}`);
      }
    }
  }
  const standing = { method: 'POST', made: 1, elapsedMs: 0 };
  assert.equal(mayRetry(rulesOf({ methods: ['POST'] }), failed('reset'), standing), true);
  assert.equal(mayRetry(rulesOf({ methods: null }), failed('reset'), standing), true);
});

test('only what is listed is repeated, only so often, and only within the total', () => {
  const standing = { method: 'GET', made: 1, elapsedMs: 0 };
  for (const kind of kinds) {
    const listed = typeof kind === 'string' || kind === 429 || kind === 503;
    assert.equal(mayRetry(rulesOf({}), failed(kind), standing), listed, String(kind));
    const all = rulesOf({ on: { ...rulesOf({}).on, serverErrors: true } });
    assert.equal(mayRetry(all, failed(kind), standing), listed || (kind as number) >= 500, String(kind));
    assert.equal(mayRetry(connectRules, failed(kind), standing), kind === 'connect');
    assert.equal(mayRetry(fallbackRules, failed(kind), { ...standing, made: 50, method: 'POST' }), true);
  }
  assert.equal(mayRetry(rulesOf({ attempts: 3 }), failed(503), { ...standing, made: 2 }), true);
  assert.equal(mayRetry(rulesOf({ attempts: 3 }), failed(503), { ...standing, made: 3 }), false);
  assert.equal(mayRetry(rulesOf({ totalMs: 100 }), failed(503), { ...standing, elapsedMs: 99 }), true);
  assert.equal(mayRetry(rulesOf({ totalMs: 100 }), failed(503), { ...standing, elapsedMs: 100 }), false);
});

test('delays: full jitter below a doubling bound, Retry-After kept by the same target, never past the total', () => {
  const chance = chanceOf(1);
  for (let i = 0; i < rounds; i++) {
    const rules = rulesOf({
      backoff: { baseMs: Math.floor(chance() * 100), maxMs: Math.floor(chance() * 1000) },
      totalMs: chance() < 0.5 ? 0 : Math.floor(chance() * 5000) + 1,
      maxRetryAfterMs: Math.floor(chance() * 3000),
    });
    const kind = kinds[Math.floor(chance() * kinds.length)]!;
    const failure = failed(kind, { retryAfterMs: chance() < 0.5 ? null : Math.floor(chance() * 4000) });
    const standing = { method: 'GET', made: 1 + Math.floor(chance() * 6), elapsedMs: chance() * 3000 };
    const same = chance() < 0.5;
    const draw = chance();
    const wait = retryDelayMs(rules, failure, standing, { same, repeat: same, chance: draw });
    let bound = rules.backoff.baseMs;
    for (let n = 1; n < standing.made; n++) bound *= 2;
    bound = Math.min(bound, rules.backoff.maxMs);
    const asked = same ? (failure.retryAfterMs ?? 0) : 0;
    const least = kind === 'connect' && !same ? 0 : Math.max(asked, Math.floor(draw * bound));
    const late = rules.totalMs > 0 && standing.elapsedMs + least >= rules.totalMs;
    assert.equal(wait, asked > rules.maxRetryAfterMs || late ? null : least);
  }
});

test('a deadline is the least of what is left and what one attempt may take', () => {
  assert.equal(deadlineMs(rulesOf({}), 10), 0);
  assert.equal(deadlineMs(rulesOf({ perTryMs: 50 }), 10), 50);
  assert.equal(deadlineMs(rulesOf({ totalMs: 40 }), 10), 30);
  assert.equal(deadlineMs(rulesOf({ perTryMs: 50, totalMs: 40 }), 10), 30);
  assert.equal(deadlineMs(rulesOf({ perTryMs: 20, totalMs: 40 }), 10), 20);
  assert.equal(deadlineMs(rulesOf({ totalMs: 40 }), 90), 1, 'never 0, which would be unlimited');
});

test('faults fall into the classes that rules name; those of client and gateway into none', () => {
  const classOf = (...[code, status = 0, details = {}]: [Fault['code'], number?, Fault['details']?]) =>
    failureOf(new Fault(code, '', details), status, null);
  assert.deepEqual(classOf('upstream/connect'), failed('connect'));
  assert.deepEqual(classOf('upstream/connect-timeout'), failed('connect'));
  assert.deepEqual(classOf('upstream/credential'), failed('connect'));
  assert.deepEqual(classOf('upstream/closed'), failed('reset'));
  assert.equal(classOf('upstream/closed', 0, { unsent: true })!.unsent, true);
  assert.equal(classOf('upstream/header-timeout')!.kind, 'timeout');
  assert.equal(classOf('upstream/overloaded', 503)!.kind, 503);
  for (const code of [
    'upstream/total-timeout',
    'client/gone',
    'request/body-too-large',
    'gateway/journal',
  ] as const)
    assert.equal(classOf(code), null, code);
});

test('an attempt that loaded nobody twice is free', () => {
  assert.equal(drawsOnBudget(rulesOf({}), failed('connect'), false), false);
  assert.equal(drawsOnBudget(rulesOf({}), failed('connect'), true), true);
  assert.equal(drawsOnBudget(rulesOf({}), failed(503), false), true);
  assert.equal(drawsOnBudget(fallbackRules, failed(503), false), false);
});

test('a budget: never more than its share of the requests of any ten seconds, and never less than it can give', () => {
  const chance = chanceOf(2);
  for (let i = 0; i < rounds / 10; i++) {
    const ratio = Math.floor(chance() * 4) / 4;
    const minPerSecond = Math.floor(chance() * 3);
    const budget = new RetryBudget({ ratio, minPerSecond });
    const requests: number[] = [];
    const retries: number[] = [];
    let nowMs = Math.floor(chance() * 50_000);
    for (let step = 0; step < 400; step++) {
      nowMs += chance() < 0.02 ? chance() * 15_000 : chance() * 120;
      if (chance() < 0.5) {
        budget.request(nowMs);
        requests.push(nowMs);
        continue;
      }
      // The slow model: everything is remembered, and counted anew.
      const from = (Math.floor(nowMs / 1000) - 10) * 1000;
      const recent = (times: number[]) => times.filter((atMs) => atMs >= from).length;
      const expected = recent(retries) + 1 <= ratio * recent(requests) + minPerSecond * 10;
      assert.equal(budget.withdraw(nowMs), expected, `round ${i}, step ${step}`);
      if (expected) retries.push(nowMs);
    }
    for (const end of retries) {
      const spent = retries.filter((atMs) => atMs <= end && atMs > end - 10_000).length;
      const load = requests.filter((atMs) => atMs <= end && atMs > end - 11_000).length;
      assert.ok(spent <= ratio * load + minPerSecond * 10);
    }
  }
});

test('the 95th percentile of what answers took to begin', () => {
  const latency = new HeadLatency();
  for (let i = 0; i < 19; i++) latency.record(10);
  assert.equal(latency.p95Ms, null, 'too few');
  latency.record(10);
  assert.equal(latency.p95Ms, 10);
  for (let i = 1; i <= 128; i++) latency.record(i);
  assert.equal(latency.p95Ms, 122);
});

test('Retry-After: seconds or a date, and nothing else; in milliseconds where a vendor says so', () => {
  const nowMs = Date.parse('2026-01-01T00:00:00Z');
  const asked = (value: string) => retryAfterMs(['retry-after', value], nowMs);
  assert.equal(asked('3'), 3000);
  assert.equal(asked('0'), 0);
  assert.equal(asked('Thu, 01 Jan 2026 00:00:07 GMT'), 7000);
  assert.equal(asked('Wed, 31 Dec 2025 23:00:00 GMT'), 0);
  for (const value of ['', 'soon', '-1', '1.5', '2026-01-02', '1e3']) assert.equal(asked(value), null, value);
  assert.equal(retryAfterMs([], nowMs), null);
  const finer = (ms: string) => retryAfterMs(['retry-after', '3', 'retry-after-ms', ms], nowMs);
  assert.deepEqual(['120', '1.5', '0', 'soon', '-1', ''].map(finer), [120, 2, 0, 3000, 3000, 3000]);
});
