import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CounterStore } from '#core/contracts/counter-store.ts';
import type { LimitWish } from '#core/limit-wish.ts';
import { Hold, type Used } from './hold.ts';

const wish: LimitWish = {
  ...{
    subject: 'budget/0/tokens/project:shop',
    window: { kind: 'sliding', windowMs: 3_600_000 },
    capacity: 1000,
  },
  ...{ sort: 'tokens', name: '"budget/0/tokens/h"', span: 'h', whom: 'project "shop"', inFlight: 'hard' },
  warnAt: [],
};
const used = (tokens: number): Used => ({
  tokens: { input: 0, output: tokens, cacheRead: 0, cacheWrite: 0, reasoning: 0 },
  costNano: () => 0n,
  priceNano: () => 0n,
});

for (const [leased, overdraft] of [
  [60, 0],
  [10, 40],
] as const)
  test(`what a lease that is under way brings is no overdraft: ${leased} of 50 more that were used`, async () => {
    const lease = Promise.withResolvers<readonly number[]>();
    const settled: (readonly number[])[] = [];
    const store = {
      extend: () => lease.promise,
      settle: (_, amounts) => void settled.push(amounts),
    } as Pick<CounterStore, 'extend' | 'settle'> as CounterStore;
    const reservation = { id: 'x', token: 0, admittedAtMs: 1, granted: [100] };
    const asked = [{ wish, prices: [], item: { ...wish, amount: 100 } }];
    const hold = new Hold(store, { asked, reservation, isTargets: false, attemptsBefore: 0 });
    void hold.extend([60]);
    const settling = hold.settle(used(150));
    assert.deepEqual(settled, [], 'it waits for what it has asked for');
    lease.resolve([leased]);
    await settling;
    assert.deepEqual(settled, [[150]]);
    assert.equal(hold.overdraft[0]?.amount ?? 0, overdraft);
    assert.equal(hold.onRecord[0]!.amount, 150);
    assert.equal(hold.settle(used(900)), undefined, 'once');
    assert.deepEqual(settled, [[150]]);
  });
