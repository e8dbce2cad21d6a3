import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Exchange } from '#core/exchange.ts';
import { noServices } from '../testing/no-services.ts';
import { budget } from './index.ts';
import type { BudgetSettings } from './schema.ts';

const exchangeOf = (fields: object = {}): Exchange =>
  ({
    consumer: { id: 'k1', name: 'one', project: 'shop', team: 'web' },
    brief: {},
    countedModel: 'fast',
    meteredAs: null,
    modelNames: ['fast'],
    ...fields,
  }) as unknown as Exchange;

function policyOf(settings: BudgetSettings) {
  const clock = { nowMs: () => Date.UTC(2026, 1, 14), monotonicMs: () => 0 };
  return budget.create(settings, {
    ...noServices,
    instance: 'budget/0',
    clock,
  });
}

test('a budget is a limit that warns, and names what answers in its place', () => {
  const settings: BudgetSettings = {
    by: 'team',
    money: '0.45 per month',
    warnAt: [95, 80],
    downgrade: 'small',
  };
  assert.deepEqual(policyOf(settings).limits!(exchangeOf()), [
    {
      subject: 'budget/0/money/calendar-month-UTC/team:web',
      window: {
        kind: 'calendar',
        startMs: Date.UTC(2026, 1),
        endMs: Date.UTC(2026, 2),
        nextEndMs: Date.UTC(2026, 3),
      },
      capacity: 450_000_000,
      sort: 'money',
      currency: 'USD',
      name: '"budget/0/money/month"',
      span: 'month',
      whom: 'team "web"',
      inFlight: 'debit',
      warnAt: [0.8, 0.95],
      downgrade: 'small',
    },
  ]);
  assert.match(policyOf(settings).summary, /a budget of 0.45 USD per month for each team; then by small/);
});

test('a hard one leases ahead; calls without a model cost nothing', () => {
  const policy = policyOf({ by: 'team', tokens: '1000/day', hard: true, model: 'f*' });
  assert.equal(policy.limits!(exchangeOf())[0]!.inFlight, 'hard');
  assert.deepEqual(policy.limits!(exchangeOf({ brief: null, modelNames: [] })), []);
  assert.deepEqual(policy.limits!(exchangeOf({ modelNames: ['slow'] })), []);
});

test('what is no budget is refused with the configuration', () => {
  for (const bad of [
    {},
    { money: '5/min', hard: true },
    { money: '5/day burst 3', hard: true },
    { money: '5 per day', hard: true, downgrade: 'small' },
  ])
    assert.throws(() => policyOf({ by: 'team', ...bad }), RangeError, JSON.stringify(bad));
  assert.throws(() => policyOf({ by: 'provider', money: '5 per day' }), RangeError);
});
