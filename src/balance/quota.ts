import type { QuotaStand } from '#core/contracts/target-pool.ts';
import type { Balancer } from './balancer.ts';
import { drawTwo, lessOf } from './least-connections.ts';
import type { Level } from './level.ts';
import { num, type MemberCell } from './memory.ts';

/** Part of its quota that an exchange under way is taken to use, before the target says so itself. */
const each = 0.001;

/** Under the lock. */
export function observeQuota(cell: MemberCell, { left, resetMs }: QuotaStand, nowMs: number): void {
  cell.nums[num.quotaLeft] = Math.min(1, Math.max(0, left));
  cell.nums[num.quotaAt] = nowMs;
  cell.nums[num.quotaFor] = Math.max(0, resetMs);
}

/** From 0 to 1; it grows back to the whole until its reset. Null: the target never said. */
export function quotaOf({ nums }: MemberCell, nowMs: number): number | null {
  const at = nums[num.quotaAt]!;
  if (at === 0) return null;
  const left = nums[num.quotaLeft]!;
  const span = nums[num.quotaFor]!;
  const elapsed = Math.max(0, nowMs - at);
  return elapsed >= span ? 1 : left + ((1 - left) * elapsed) / span;
}

/** Two are drawn by weight, and the one is taken that has more left of its limits. */
export const quota: Balancer<unknown> = (level, { nowMs, random }) =>
  level.seats.length === 1 ? 0 : lessOf(level, drawTwo(level, random), usedOf, nowMs);

function usedOf({ seats }: Level<unknown>, i: number, nowMs: number): number {
  const { cell } = seats[i]!;
  return 1 - (quotaOf(cell, nowMs) ?? 1) + each * cell.inFlight();
}
