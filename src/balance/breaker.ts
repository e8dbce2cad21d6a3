/**
 * A circuit breaker in a member's slot: closed (all pass, results are counted), open (none pass), half-open (`probes` pass;
 * all must succeed, one that fails opens it again, for twice as long). Each step is taken under the slot's lock, so that
 * over all threads there are never more probes than allowed.
 */
import type { BreakerSettings } from '#core/pool-settings.ts';
import { int, num, type MemberCell } from './memory.ts';

export const breakerState = { closed: 0, open: 1, halfOpen: 2 } as const;

/** Probes that have not reported after this long (or the time open, if that is longer) are given up: others take their place. */
const probesWithinMs = 30_000;
/** Spans vary by as much, so that breakers of many gateways do not go half open as one. */
const jitter = 0.1;

export interface BreakerResult {
  readonly verdict: 'success' | 'failure' | 'neutral';
  readonly slow: boolean;
  /** Of the lease: was it a probe, and of which round? */
  readonly probe: boolean;
  readonly round: number;
}

export interface Moment {
  readonly nowMs: number;
  /** From 0 to 1. */
  random(): number;
}

/** Is it open, and its time not over? */
export function isOpen(cell: MemberCell, nowMs: number): boolean {
  if (cell.get(int.breaker) !== breakerState.open) return false;
  const since = nowMs - cell.nums[num.openedAt]!;
  return since >= 0 && since < cell.nums[num.openFor]!;
}

/** May a probe be let through now, so far as can be told without taking it? */
export function hasProbeLeft(cell: MemberCell, settings: BreakerSettings, nowMs: number): boolean {
  if (cell.get(int.breaker) !== breakerState.halfOpen) return !isOpen(cell, nowMs);
  return isStuck(cell, nowMs) || cell.nums[num.probeSuccesses]! + cell.probes() < settings.probes;
}

/** What lets an exchange through, and the round that its result counts in. */
export interface Admission {
  readonly probe: boolean;
  readonly round: number;
}

/** Takes a probe's place, where one is needed. Null when all are taken, or it is open. */
export function admit(cell: MemberCell, settings: BreakerSettings, nowMs: number): Admission | null {
  cell.lock();
  try {
    const state = cell.get(int.breaker);
    if (state === breakerState.closed) return { probe: false, round: cell.get(int.round) };
    if (state === breakerState.open) {
      if (isOpen(cell, nowMs)) return null;
      halfOpen(cell, nowMs);
    } else if (isStuck(cell, nowMs)) halfOpen(cell, nowMs);
    if (cell.nums[num.probeSuccesses]! + cell.probes() >= settings.probes) return null;
    cell.addProbe(1);
    // Read under the lock: a result of this round must not count in the next.
    return { probe: true, round: cell.get(int.round) };
  } finally {
    cell.unlock();
  }
}

/** Takes a result in. Under the slot's lock. Results of an older round say nothing of this one. */
export function judge(
  cell: MemberCell,
  settings: BreakerSettings,
  result: BreakerResult,
  moment: Moment,
): void {
  if (cell.get(int.round) !== result.round) return;
  const failed = result.verdict === 'failure';
  if (result.probe) {
    cell.addProbe(-1);
    if (result.verdict === 'neutral') return;
    if (failed || result.slow) return open(cell, settings, moment);
    if (++cell.nums[num.probeSuccesses]! >= settings.probes) close(cell, moment.nowMs);
    return;
  }
  if (result.verdict === 'neutral' || cell.get(int.breaker) !== breakerState.closed) return;
  const { nums } = cell;
  const window = cell.breakerWindow;
  window.add({ failure: failed, slow: result.slow }, settings.windowMs, moment.nowMs);
  nums[num.breakerRow] = failed ? nums[num.breakerRow]! + 1 : 0;
  if (!failed && !result.slow) return;
  const { consecutiveFailures, failureRatio, slowRatio, minimumRequests } = settings;
  if (consecutiveFailures > 0 && nums[num.breakerRow]! >= consecutiveFailures)
    return open(cell, settings, moment);
  const { total, failures, slow } = window.sums(settings.windowMs, moment.nowMs);
  if (total < minimumRequests) return;
  const tooMany = failed && failureRatio > 0 && failures >= failureRatio * total;
  const tooSlow = result.slow && slowRatio > 0 && slow >= slowRatio * total;
  if (tooMany || tooSlow) open(cell, settings, moment);
}

function open(cell: MemberCell, settings: BreakerSettings, { nowMs, random }: Moment): void {
  const { nums } = cell;
  const again = cell.get(int.breaker) === breakerState.halfOpen;
  const streak = again ? nums[num.openStreak]! + 1 : 1;
  nums[num.openStreak] = streak;
  const spanMs = Math.min(settings.openMs * 2 ** Math.min(streak - 1, 30), settings.maxOpenMs);
  nums[num.openedAt] = nowMs;
  nums[num.openFor] = spanMs * (1 - jitter + 2 * jitter * random());
  nums[num.opens]!++;
  enter(cell, breakerState.open);
}

function halfOpen(cell: MemberCell, nowMs: number): void {
  cell.nums[num.halfOpenAt] = nowMs;
  cell.nums[num.probeSuccesses] = 0;
  enter(cell, breakerState.halfOpen);
}

function close(cell: MemberCell, nowMs: number): void {
  const { nums } = cell;
  nums[num.openStreak] = 0;
  nums[num.breakerRow] = 0;
  nums[num.warmSince] = nowMs;
  cell.breakerWindow.clear();
  enter(cell, breakerState.closed);
}

function enter(cell: MemberCell, state: number): void {
  cell.clearProbes();
  cell.set(int.round, (cell.get(int.round) + 1) | 0);
  cell.set(int.breaker, state);
  cell.memory.changed();
}

function isStuck(cell: MemberCell, nowMs: number): boolean {
  const since = nowMs - cell.nums[num.halfOpenAt]!;
  return since < 0 || since > Math.max(probesWithinMs, cell.nums[num.openFor]!);
}
