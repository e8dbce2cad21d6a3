import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallBrief } from '#core/call.ts';
import type { CounterStore, LimitItem, ReserveResult } from '#core/contracts/counter-store.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import { headerOf } from '#core/head.ts';
import type { TokenTotals } from '#core/usage.ts';
import { createOutputExpectation } from './output-expectation.ts';
import { parseRates } from './rate.ts';
import { rateLimit } from './index.ts';
import type { RateLimitSettings } from './schema.ts';

const consumer = { id: 'k1', name: 'one', sha256: '', project: 'shop', team: 'web' };
const brief: CallBrief = {
  model: 'fast',
  stream: false,
  maxOutputTokens: 128_000,
  choices: 1,
  wantsUsage: false,
};

/** The fields of an exchange that the policy reads and writes. */
function exchangeOf(fields: object = {}): Exchange {
  const start = { consumer, brief, estimatedInput: 100, routeName: 'llm', limits: null };
  const model = (fields as { brief?: typeof brief }).brief?.model ?? brief.model;
  return {
    ...start,
    countedModel: model,
    modelNames: [model],
    answerHeaders: [],
    reserved: [],
    settlements: [],
    flows: [],
    ...fields,
  } as unknown as Exchange;
}

/** A store that remembers, with a window that never ends: what it says is decided by capacity alone. */
function createStore(retryAfterMs = 1500) {
  const used = new Map<string, number>();
  const calls: LimitItem[][] = [];
  const settled: (readonly number[])[] = [];
  const debits: (readonly number[])[] = [];
  let last: readonly LimitItem[] = [];
  const store: CounterStore = {
    reserve(id, items): ReserveResult {
      calls.push([...items]);
      const refused = items.findIndex((i) => (used.get(i.subject) ?? 0) + i.amount > i.capacity);
      const states = items.map((i) => {
        if (refused === -1) used.set(i.subject, (used.get(i.subject) ?? 0) + i.amount);
        const remaining = Math.max(0, i.capacity - (used.get(i.subject) ?? 0));
        return { subject: i.subject, limit: i.capacity, remaining, resetMs: 4200 };
      });
      last = items;
      if (refused === -1)
        return {
          admitted: true,
          reservation: { id, token: calls.length, admittedAtMs: 0, granted: [] },
          states,
        };
      const never = items[refused]!.amount > items[refused]!.capacity;
      return {
        admitted: false,
        refusedBy: states[refused]!,
        retryAfterMs: never ? Infinity : retryAfterMs,
        states,
      };
    },
    settle(_, amounts) {
      settled.push(amounts);
      last.forEach((i, n) => used.set(i.subject, used.get(i.subject)! - i.amount + amounts[n]!));
    },
    extend: () => [],
    inspect: () => [],
    debit(_, step, extra) {
      assert.equal(step, debits.length + 1);
      debits.push(extra);
    },
  };
  return { store, calls, settled, debits };
}

function policyOf(settings: RateLimitSettings, counters: CounterStore, instance = 'rate-limit/0') {
  const clock = { nowMs: () => 1_000_000, monotonicMs: () => 0 };
  return rateLimit.create(settings, {
    instance,
    keys: { find: () => undefined },
    counters,
    cache: null as never,
    clock,
  });
}

const totals = (input: number, output: number): TokenTotals => ({
  input,
  output,
  cacheRead: 0,
  cacheWrite: 0,
  reasoning: 0,
});

function refusalOf(run: () => unknown): Fault {
  try {
    run();
  } catch (thrown) {
    assert.ok(thrown instanceof Fault);
    return thrown;
  }
  return assert.fail('was not refused');
}

test('all windows are reserved in one call, and settled with what was used', async () => {
  const { store, calls, settled } = createStore();
  const policy = policyOf(
    { by: ['project', 'model'], requests: ['600/min', '9/s'], tokens: '100000/5min' },
    store,
  );
  const exchange = exchangeOf();
  await policy.onCall!(exchange);
  assert.equal(calls.length, 1);
  assert.deepEqual(
    calls[0]!.map(({ subject, window, capacity, amount }) => [
      subject,
      window.kind === 'sliding' && window.windowMs,
      capacity,
      amount,
    ]),
    [
      ['rate-limit/0/requests/60000/project:shop+model:fast', 60_000, 600, 1],
      ['rate-limit/0/requests/1000/project:shop+model:fast', 1000, 9, 1],
      // 100 estimated in, and 400 × 1.5 + 64 expected out: not the 128,000 the caller allows.
      ['rate-limit/0/tokens/300000/project:shop+model:fast', 300_000, 100_000, 764],
    ],
  );
  assert.deepEqual(
    exchange.reserved.map((one) => one.amount),
    [1, 1, 764],
  );
  assert.deepEqual(exchange.limits, {
    requests: { limit: 9, remaining: 8, resetMs: 1000 },
    tokens: { limit: 100_000, remaining: 99_236, resetMs: 300_000 },
  });
  assert.deepEqual(exchange.answerHeaders, [
    'ratelimit-policy',
    '"rate-limit/0/requests/min";q=600;w=60, "rate-limit/0/requests/s";q=9;w=1, "rate-limit/0/tokens/5min";q=100000;w=300',
    'ratelimit',
    '"rate-limit/0/requests/min";r=599;t=5, "rate-limit/0/requests/s";r=8;t=5, "rate-limit/0/tokens/5min";r=99236;t=5',
  ]);
  const booked = await exchange.settlements[0]!(totals(90, 2000), true);
  assert.deepEqual(settled, [[1, 1, 2090]]);
  assert.deepEqual(
    booked.map((one) => one.amount),
    [1, 1, 2090],
  );
});

test('a stream that says more than was expected is debited as it flows, by what is new', async () => {
  const { store, debits } = createStore();
  const policy = policyOf({ by: 'project', requests: '600/min', tokens: ['100000/min', '200000/h'] }, store);
  const exchange = exchangeOf({ brief: { ...brief, stream: true } });
  await policy.onCall!(exchange);
  const flow = exchange.flows[0]!;
  flow(600);
  assert.deepEqual(debits, [], '100 in and 664 out are reserved');
  flow(1_000);
  flow(1_000);
  flow(1_250);
  assert.deepEqual(debits, [
    [0, 336, 336],
    [0, 250, 250],
  ]);
  const whole = exchangeOf();
  await policy.onCall!(whole);
  assert.deepEqual(whole.flows, [], 'an answer in one piece is settled at once');
});

test('what was learnt of a model outlives a reload', async () => {
  const { store, calls } = createStore();
  const before = policyOf({ by: 'project', tokens: '100000/min' }, store);
  const exchange = exchangeOf();
  await before.onCall!(exchange);
  await exchange.settlements[0]!(totals(90, 2_000), true);
  await policyOf({ by: 'key', tokens: '100000/min' }, store).onCall!(exchangeOf());
  assert.deepEqual(
    calls.map(([item]) => item!.amount),
    [764, 100 + 3_064],
  );
});

test('a call that never went upstream gives everything back', async () => {
  const { store, settled } = createStore();
  const exchange = exchangeOf();
  await policyOf({ by: 'key', requests: '1/min', tokens: '1000/min' }, store).onCall!(exchange);
  assert.deepEqual(await exchange.settlements[0]!(totals(0, 0), false), []);
  assert.deepEqual(settled, [[0, 0]]);
});

test('a refusal says which limit, of how much, for whom and when to come back', () => {
  const { store } = createStore();
  const policy = policyOf({ by: 'project', requests: '1/min' }, store);
  policy.onCall!(exchangeOf());
  const exchange = exchangeOf();
  const fault = refusalOf(() => policy.onCall!(exchange));
  assert.equal(fault.code, 'limit/exceeded');
  assert.equal(
    fault.message,
    'The limit of 1 requests per min for project "shop" is reached (0 left). Come back in 2 s.',
  );
  const headers = fault.details.headers!;
  assert.equal(headerOf(headers, 'retry-after'), '2');
  assert.equal(headerOf(headers, 'ratelimit-policy'), '"rate-limit/0/requests/min";q=1;w=60');
  assert.equal(headerOf(headers, 'ratelimit'), '"rate-limit/0/requests/min";r=0;t=5');
  assert.equal(headerOf(headers, 'x-should-retry'), undefined);
  assert.deepEqual([exchange.reserved, exchange.settlements, exchange.answerHeaders], [[], [], []]);
  assert.equal(exchange.limits?.requests?.remaining, 0);
});

test('clients are told not to retry what will not pass for long, or ever', () => {
  const { store } = createStore(61_000);
  const policy = policyOf({ by: 'team', tokens: '800/day' }, store);
  policy.onCall!(exchangeOf());
  const long = refusalOf(() => policy.onCall!(exchangeOf()));
  assert.equal(headerOf(long.details.headers!, 'retry-after'), '61');
  assert.equal(headerOf(long.details.headers!, 'x-should-retry'), 'false');
  const never = refusalOf(() => policy.onCall!(exchangeOf({ estimatedInput: 801 })));
  assert.equal(headerOf(never.details.headers!, 'retry-after'), undefined);
  assert.equal(headerOf(never.details.headers!, 'x-should-retry'), 'false');
  assert.equal(never.retryable, false);
});

test('an expected output does not shut a call out of a limit that its input fits into', () => {
  const { store, calls } = createStore();
  policyOf({ by: 'key', tokens: '500/min' }, store).onCall!(exchangeOf());
  assert.equal(calls[0]![0]!.amount, 500);
});

test('without a model only requests count; without a consumer it fails closed', () => {
  const { store, calls } = createStore();
  const http = exchangeOf({ brief: null });
  policyOf({ by: 'key', tokens: '5/min' }, store).onCall!(http);
  policyOf({ by: 'key', requests: '5/min', model: 'fast' }, store).onCall!(http);
  policyOf({ by: 'model', requests: '5/min' }, store).onCall!(http);
  assert.equal(calls.length, 0);
  policyOf({ by: 'key', tokens: '5/min', requests: '5/min' }, store).onCall!(http);
  assert.equal(calls[0]!.length, 1);
  for (const by of ['key', 'project', 'team'] as const) {
    const fault = refusalOf(() =>
      policyOf({ by, requests: '5/min' }, store).onCall!(exchangeOf({ consumer: null })),
    );
    assert.equal(fault.code, 'policy/failed');
    assert.match(fault.message, /route "llm".*key-auth/);
  }
  policyOf({ by: 'model', requests: '5/min' }, store).onCall!(exchangeOf({ consumer: null }));
  assert.equal(calls.length, 2);
});

test('the model setting picks the calls it applies to', () => {
  const { store, calls } = createStore();
  const policy = policyOf({ by: 'key', requests: '5/min', model: ['big-*', 'other'] }, store);
  policy.onCall!(exchangeOf());
  assert.equal(calls.length, 0);
  policy.onCall!(exchangeOf({ brief: { ...brief, model: 'big-one' } }));
  assert.equal(calls.length, 1);
});

test('of several policies the tightest limit of each sort is reported', () => {
  const { store } = createStore();
  const exchange = exchangeOf();
  policyOf({ by: 'key', requests: '5/min', tokens: '900/min' }, store, 'a').onCall!(exchange);
  policyOf({ by: 'team', requests: '9/min', tokens: '800/min' }, store, 'b').onCall!(exchange);
  assert.equal(exchange.limits?.requests?.limit, 5);
  assert.equal(exchange.limits?.tokens?.limit, 800);
  assert.equal(exchange.settlements.length, 2);
});

test('a store that answers later is waited for', async () => {
  const { store } = createStore();
  const later: CounterStore = { ...store, reserve: async (...asked) => store.reserve(...asked) };
  const policy = policyOf({ by: 'key', requests: '1/min' }, later);
  await policy.onCall!(exchangeOf());
  await assert.rejects(async () => policy.onCall!(exchangeOf()), Fault);
});

test('names cannot spell another combination', () => {
  const { store, calls } = createStore();
  const policy = policyOf({ by: ['key', 'model'], requests: '9/min' }, store);
  policy.onCall!(exchangeOf({ consumer: { ...consumer, id: 'a+model:b' }, brief: { ...brief, model: 'c' } }));
  policy.onCall!(exchangeOf({ consumer: { ...consumer, id: 'a' }, brief: { ...brief, model: 'b+model:c' } }));
  policy.onCall!(exchangeOf({ brief: { ...brief, model: '\ud800' } }));
  assert.equal(new Set(calls.map((items) => items[0]!.subject)).size, 3);
});

test('rates: what is read, and what is refused', () => {
  assert.deepEqual(parseRates('requests', '7/2h'), [
    { sort: 'requests', capacity: 7, windowMs: 7_200_000, span: '2h' },
  ]);
  for (const bad of ['0/min', '5/0min', '5/week', '5', '-1/s', '1.5/s', '5/32day']) {
    assert.throws(() => parseRates('tokens', bad), RangeError, bad);
  }
  assert.throws(() => parseRates('tokens', ['5/60s', '9/min']), /twice/);
  assert.throws(() => policyOf({ by: 'key' }, createStore().store), RangeError);
});

test('the expected output follows what was settled', () => {
  const expectation = createOutputExpectation();
  assert.equal(expectation.expect('m', null, 1), 664);
  assert.equal(expectation.expect('m', 50, 2), 100);
  for (let i = 0; i < 10; i++) expectation.learn('m', 200, 2);
  assert.equal(expectation.expect('m', null, 1), 214);
  assert.equal(expectation.expect('m', null, 3), 642);
  for (let i = 0; i < 500; i++) expectation.learn('m', 1000, 1);
  assert.equal(expectation.expect('m', null, 1), 1564);
});
