import type { AttemptResult } from '#core/contracts/target-pool.ts';
import type { PoolSettings } from '#core/pool-settings.ts';
import { judge, type Moment } from './breaker.ts';
import { observeFailure, observeLatency } from './ewma.ts';
import { num, type MemberCell } from './memory.ts';
import { observeQuota } from './quota.ts';
import { observeRate } from './throughput.ts';
import { coolDown, eject, observe } from './outlier.ts';

export interface Learner {
  readonly cell: MemberCell;
  /** Of all members, for the cap on ejections. */
  readonly pool: readonly MemberCell[];
  readonly settings: PoolSettings;
}

/** Takes in what an attempt has shown of its member. */
export function learn(
  { cell, pool, settings }: Learner,
  result: AttemptResult & { readonly probe: boolean; readonly round: number },
  moment: Moment,
): void {
  const { breaker, passive } = settings;
  const { verdict, retryAfterMs } = result;
  const { nowMs } = moment;
  if (verdict === 'neutral' && !result.probe && retryAfterMs === null) return;
  const beganMs = result.firstMs ?? result.totalMs;
  const failed = verdict === 'failure';
  let wantsEjection = false;
  cell.lock();
  try {
    if (verdict !== 'neutral') {
      cell.nums[failed ? num.failures : num.successes]!++;
      if (failed) observeFailure(cell, result.totalMs, nowMs);
      else observeLatency(cell, beganMs, nowMs);
      const { outputTokens, firstMs, totalMs, quota } = result;
      if (outputTokens !== null && firstMs !== null)
        observeRate(cell, { outputTokens, firstMs, totalMs }, nowMs);
      if (quota) observeQuota(cell, quota, nowMs);
      if (passive) wantsEjection = observe(cell, passive, failed, nowMs);
    }
    if (breaker) {
      const slow = breaker.slowMs > 0 && beganMs > breaker.slowMs;
      judge(cell, breaker, { verdict, slow, probe: result.probe, round: result.round }, moment);
    }
    if (passive && retryAfterMs !== null) coolDown(cell, passive, retryAfterMs, nowMs);
  } finally {
    cell.unlock();
  }
  // The cap is kept under a lock of its own.
  if (wantsEjection) eject(cell, pool, passive!, moment);
}
