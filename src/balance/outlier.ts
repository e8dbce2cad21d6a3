/** Passive health: members whose exchanges fail are put out for a while, but never more of them than the cap allows. */
import type { PassiveSettings } from '#core/pool-settings.ts';
import type { Moment } from './breaker.ts';
import { num, type MemberCell } from './memory.ts';

const jitter = 0.1;

/** Time left of a span; 0 when it is over, or the clock was set back to before it. */
export function leftOf(cell: MemberCell, beganAt: number, lasts: number, nowMs: number): number {
  const span = cell.nums[lasts]!;
  if (span === 0) return 0;
  const since = nowMs - cell.nums[beganAt]!;
  return since < 0 ? 0 : Math.max(0, span - since);
}

export const ejectionLeft = (cell: MemberCell, nowMs: number): number =>
  leftOf(cell, num.ejectedAt, num.ejectedFor, nowMs);
export const coolDownLeft = (cell: MemberCell, nowMs: number): number =>
  leftOf(cell, num.cooledAt, num.cooledFor, nowMs);

/** Takes a result in. Under the slot's lock. True: the member should be put out, if the cap allows it. */
export function observe(
  cell: MemberCell,
  settings: PassiveSettings,
  failed: boolean,
  nowMs: number,
): boolean {
  const { nums, passiveWindow: window } = cell;
  if (settings.failureRatio > 0) window.add({ failure: failed, slow: false }, settings.windowMs, nowMs);
  nums[num.passiveRow] = failed ? nums[num.passiveRow]! + 1 : 0;
  if (!failed) return false;
  const { consecutiveFailures, failureRatio, minimumRequests } = settings;
  if (consecutiveFailures > 0 && nums[num.passiveRow]! >= consecutiveFailures) return true;
  if (failureRatio === 0) return false;
  const { total, failures } = window.sums(settings.windowMs, nowMs);
  return total >= minimumRequests && failures >= failureRatio * total;
}

/** Puts a member out, unless as many of the pool as may be are out already. Not under any slot's lock. */
export function eject(
  cell: MemberCell,
  pool: readonly MemberCell[],
  settings: PassiveSettings,
  { nowMs, random }: Moment,
): boolean {
  const { memory, nums } = cell;
  const cap = Math.floor((pool.length * settings.maxEjectedPercent) / 100);
  memory.lockEjections();
  try {
    if (!cell.current || ejectionLeft(cell, nowMs) > 0) return false;
    let out = 0;
    for (const each of pool) if (ejectionLeft(each, nowMs) > 0) out++;
    if (out >= cap) return false;
    // It was out not long ago: it has not learnt.
    const backFor = nowMs - nums[num.ejectedAt]! - nums[num.ejectedFor]!;
    const soon = nums[num.ejectedFor]! > 0 && backFor < nums[num.ejectedFor]!;
    const streak = soon ? nums[num.ejectStreak]! + 1 : 1;
    nums[num.ejectStreak] = streak;
    nums[num.ejectedAt] = nowMs;
    nums[num.ejectedFor] =
      Math.min(settings.ejectMs * streak, settings.maxEjectMs) * (1 - jitter + 2 * jitter * random());
    nums[num.warmSince] = nowMs + nums[num.ejectedFor]!;
    nums[num.ejections]!++;
    nums[num.passiveRow] = 0;
    cell.passiveWindow.clear();
  } finally {
    memory.unlockEjections();
  }
  memory.changed();
  return true;
}

/** Leaves a member alone for as long as it has asked for, within the bound. Under the slot's lock. */
export function coolDown(
  cell: MemberCell,
  settings: PassiveSettings,
  retryAfterMs: number,
  nowMs: number,
): void {
  const span = Math.min(retryAfterMs, settings.maxCoolDownMs);
  if (span <= coolDownLeft(cell, nowMs)) return;
  cell.nums[num.cooledAt] = nowMs;
  cell.nums[num.cooledFor] = span;
  cell.memory.changed();
}
