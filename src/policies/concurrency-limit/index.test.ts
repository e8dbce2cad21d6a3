import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CounterStore, LimitItem } from '#core/contracts/counter-store.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import type { TokenTotals } from '#core/usage.ts';
import { concurrencyLimit } from './index.ts';
import type { ConcurrencyLimitSettings } from './schema.ts';

const consumer = { id: 'k1', name: 'one', project: 'shop', team: 'web' };

function exchangeOf(fields: object = {}): Exchange {
  return {
    consumer,
    brief: null,
    countedModel: '',
    routeName: 'api',
    head: { clientAddress: '10.0.0.1' },
    reserved: [],
    settlements: [],
    ...fields,
  } as unknown as Exchange;
}

function createStore() {
  const held = new Map<string, number>();
  const open = new Map<number, LimitItem>();
  let token = 0;
  const counters: CounterStore = {
    reserve(id, [item]) {
      const { subject, capacity, amount, window } = item!;
      assert.equal(window.kind, 'held');
      const used = held.get(subject) ?? 0;
      const state = { subject, limit: capacity, remaining: capacity - used, resetMs: 0 };
      if (used + amount > capacity)
        return { admitted: false, refusedBy: state, retryAfterMs: 1e12, states: [state] };
      held.set(subject, used + amount);
      open.set(++token, item!);
      return {
        admitted: true,
        reservation: { id, token, admittedAtMs: 0, granted: [amount] },
        states: [state],
      };
    },
    settle(reservation, [amount]) {
      const { subject } = open.get(reservation.token)!;
      held.set(subject, held.get(subject)! - 1 + amount!);
    },
    extend: () => [],
    debit() {},
    inspect: () => [],
  };
  return { counters, held };
}

function policyOf(settings: ConcurrencyLimitSettings, counters: CounterStore) {
  const clock = { nowMs: () => 1_000_000, monotonicMs: () => 0 };
  const keys = { find: () => undefined };
  return concurrencyLimit.create(settings, {
    instance: 'concurrency-limit/0',
    keys,
    counters,
    cache: null as never,
    clock,
  });
}

const nothing: TokenTotals = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0 };

test('so many are let through, the next one is refused, and each settlement frees a place', () => {
  const { counters, held } = createStore();
  const policy = policyOf({ by: 'key', max: 2 }, counters);
  const [one, two, three] = [exchangeOf(), exchangeOf(), exchangeOf()];
  void policy.onCall!(one);
  void policy.onCall!(two);
  assert.throws(
    () => policy.onCall!(three),
    (thrown) =>
      thrown instanceof Fault &&
      thrown.code === 'limit/exceeded' &&
      thrown.details.headers?.join() === 'retry-after,1',
  );
  assert.equal(three.settlements.length, 0);
  assert.deepEqual(one.reserved, [], 'nothing that would be booked again after a restart');
  void one.settlements[0]!(nothing, true);
  void policy.onCall!(three);
  void two.settlements[0]!(nothing, false);
  void three.settlements[0]!(nothing, true);
  assert.deepEqual([...held.values()], [0]);
});

test('who shares a limit is what `by` names, each combination on its own', () => {
  const { counters, held } = createStore();
  const subjectsOf = (settings: ConcurrencyLimitSettings, ...exchanges: Exchange[]) => {
    held.clear();
    for (const exchange of exchanges) void policyOf(settings, counters).onCall!(exchange);
    return [...held.keys()].map((subject) => subject.replace('concurrency-limit/0/at-once/', ''));
  };
  const model = exchangeOf({ brief: {}, countedModel: 'o/big' });
  assert.deepEqual(subjectsOf({ by: 'route', max: 9 }, model), ['route:api']);
  assert.deepEqual(subjectsOf({ by: ['team', 'model'], max: 9 }, model), ['team:web+model:o%2Fbig']);
  assert.deepEqual(subjectsOf({ by: 'model', max: 9 }, exchangeOf()), [], 'no model, no limit by it');
  assert.deepEqual(subjectsOf({ by: 'address', max: 9 }, exchangeOf({ consumer: null })), [
    'address:10.0.0.1',
  ]);
  assert.throws(() => subjectsOf({ by: 'project', max: 9 }, exchangeOf({ consumer: null })), /nobody has/);
});
