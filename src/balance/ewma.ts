/**
 * Mean of latencies that rises at once with a slow one and sinks as time passes (peak EWMA, after Twitter Finagle's
 * `Ewma`/`PeakEwma` load metric). In a member's slot, changed under its lock.
 */
import { num, type MemberCell } from './memory.ts';

/** Time in which what was observed loses all but a third of its weight (1/e). */
const decayMs = 10_000;
/** A failure must not look like a fast answer. */
const failureMs = 1000;
const longestMs = 600_000;

export function observeLatency(cell: MemberCell, latencyMs: number, nowMs: number): void {
  const { nums } = cell;
  const before = nums[num.ewma]!;
  const sinceMs = Math.max(0, nowMs - nums[num.ewmaAt]!);
  const kept = before === 0 ? 0 : Math.exp(-sinceMs / decayMs);
  const observed = Math.min(Math.max(latencyMs, 0.1), longestMs);
  nums[num.ewma] = observed > before ? observed : before * kept + observed * (1 - kept);
  nums[num.ewmaAt] = nowMs;
}

export function observeFailure(cell: MemberCell, tookMs: number, nowMs: number): void {
  observeLatency(cell, Math.max(tookMs, 2 * cell.nums[num.ewma]!, failureMs), nowMs);
}

/** What it is worth now: it sinks while nothing is observed, so that who was slow is asked again. 0: nothing is known. */
export function latencyOf(cell: MemberCell, nowMs: number): number {
  const ewma = cell.nums[num.ewma]!;
  if (ewma === 0) return 0;
  return ewma * Math.exp(-Math.max(0, nowMs - cell.nums[num.ewmaAt]!) / decayMs);
}
