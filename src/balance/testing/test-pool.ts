import type { AttemptResult, Lease, PoolMember, PoolWish } from '#core/contracts/target-pool.ts';
import { plainPool, type PoolSettings } from '#core/pool-settings.ts';
import { createPoolControl } from '../control.ts';
import { createPoolMemory, PoolMemory } from '../memory.ts';
import { Pool } from '../pool.ts';
import { seededRandom } from './seeded-random.ts';

export type Weighted = readonly [id: string, weight?: number, priority?: number];

export const membersOf = (list: readonly Weighted[]): PoolMember<string>[] =>
  list.map(([id, weight = 1, priority = 0]) => ({ id, target: id, weight, priority }));

/** A pool whose clock is moved by hand, in memory of its own. */
export function testPool(list: readonly Weighted[], settings: Partial<PoolSettings> = {}, workers = 1) {
  const clock = { now: 1_000_000, nowMs: () => clock.now };
  // The last lane is the control's own.
  const memory = createPoolMemory({ members: 2048, workers: workers + 1 });
  const control = createPoolControl(memory, workers, clock);
  const members = membersOf(list);
  control.setMembers(
    'g',
    members.map(({ id }) => id),
  );
  const random = seededRandom(7);
  const open = (worker = 0) =>
    new Pool({
      ...{ name: 'g', members, random },
      settings: { ...plainPool, ...settings },
      memory: new PoolMemory(memory, worker),
    });
  const pool = open();
  const take = (wish: Partial<PoolWish<string>> = {}): Lease<string> | null =>
    pool.take({ affinity: null, sticky: null, tried: [], again: false, nowMs: clock.now, ...wish });
  const report = (id: string) => control.read()[0]!.members.find((member) => member.id === id)!;
  return { pool, open, control, clock, memory, take, report };
}

export const result = (
  verdict: AttemptResult['verdict'],
  firstMs = 0,
  more: Partial<AttemptResult> = {},
): AttemptResult => ({
  verdict,
  firstMs,
  totalMs: firstMs,
  outputTokens: null,
  retryAfterMs: null,
  ...more,
});

export const success = result('success');
export const failure = result('failure');

/** Who is chosen how often, when each attempt ends before the next begins. */
export function tally(take: () => Lease<string> | null, times: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i < times; i++) {
    const lease = take()!;
    counts.set(lease.member.id, (counts.get(lease.member.id) ?? 0) + 1);
    lease.end(success);
  }
  return counts;
}
