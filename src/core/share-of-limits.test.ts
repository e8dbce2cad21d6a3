import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CounterStore, LimitItem } from './contracts/counter-store.ts';
import { shareOfLimits } from './share-of-limits.ts';

test('a node gives out its share of every limit, and at least one unit', () => {
  let percent = 100;
  const asked: LimitItem[][] = [];
  const store = {
    reserve: (_id: string, items: readonly LimitItem[]) => void asked.push([...items]),
  } as unknown as CounterStore;
  const shared = shareOfLimits(store, () => percent);
  const item = (capacity: number): LimitItem => ({
    ...{ subject: 's', capacity, amount: 1 },
    window: { kind: 'bucket', windowMs: 1000, burst: capacity },
  });
  const capacities = (): number[] => {
    void shared.reserve('r', [1000, 7, 1, 0].map(item), 0);
    return asked.at(-1)!.map(({ capacity, window }) => {
      assert.equal(window.kind === 'bucket' && window.burst, capacity);
      return capacity;
    });
  };
  assert.deepEqual(capacities(), [1000, 7, 1, 0]);
  percent = 25;
  assert.deepEqual(capacities(), [250, 1, 1, 0]);
  percent = 1;
  assert.deepEqual(capacities(), [10, 1, 1, 0]);
});
