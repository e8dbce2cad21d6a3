import type { Balancer } from './balancer.ts';
import { drawTwo, lessOf } from './least-connections.ts';
import type { Level } from './level.ts';
import { num, type MemberCell } from './memory.ts';

/** Part of the mean that a new rate makes up. */
const share = 0.3;
/** What was slow looks fast again with time, so that it is tried again: twice as fast each minute. */
const forgetMs = 60_000 / Math.LN2;
/** Shorter answers tell nothing of a rate. */
const leastTokens = 8;

/** Under the lock. Time before the first content is not the rate's. */
export function observeRate(
  cell: MemberCell,
  { outputTokens, firstMs, totalMs }: { outputTokens: number; firstMs: number; totalMs: number },
  nowMs: number,
): void {
  const tookMs = totalMs - firstMs;
  if (outputTokens < leastTokens || tookMs <= 0) return;
  const { nums } = cell;
  const rate = (1000 * outputTokens) / tookMs;
  const before = nums[num.rate]!;
  nums[num.rate] = before === 0 ? rate : before * (1 - share) + rate * share;
  nums[num.rateAt] = nowMs;
}

/** Tokens a second as they were last; 0: nothing is known. */
export const rateOf = (cell: MemberCell): number => cell.nums[num.rate]!;

/**
 * Two are drawn by weight, and the one is taken that is likely to give more tokens a second. One of which nothing is known
 * is asked once, and then waited for.
 */
export const throughput: Balancer<unknown> = (level, { nowMs, random }) =>
  level.seats.length === 1 ? 0 : lessOf(level, drawTwo(level, random), slownessOf, nowMs);

function slownessOf({ seats }: Level<unknown>, i: number, nowMs: number): number {
  const { cell } = seats[i]!;
  const rate = rateOf(cell);
  if (rate === 0) return cell.inFlight() === 0 ? 0 : Infinity;
  return 1 / (rate * Math.exp(Math.max(0, nowMs - cell.nums[num.rateAt]!) / forgetMs));
}
