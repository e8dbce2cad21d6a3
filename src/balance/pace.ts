import type { Clock } from '#core/contracts/clock.ts';
import type { LimitStand } from '#core/contracts/dialect.ts';
import type { Pace, PaceHead, PaceRefusal, PaceTicket } from '#core/contracts/pace.ts';
import type { Target } from '#core/target.ts';
import { createPoolMemory, num, PoolMemory, type MemberCell } from './memory.ts';

/** Where the memory has groups by name: none of upstreams can be called so. */
export const paceGroup = 'pace/targets';
export const paceId = ({ provider, model }: Target): string => `${provider.name}/${model}`;

/** Calls to a target that has not said yet what its limits are. */
const coldCalls = 4;
/** A target that refuses and does not say for how long. */
const usualPauseMs = 1000;
/** A target that has refused while its limits were taken to grow back evenly is taken to renew them all at once for so long. */
const steppedForMs = 600_000;
const learningRate = 0.1;

const known = { nothing: 0, limits: 1, noLimits: 2 } as const;

/** Fields of one limit, from its first on. */
const field = { limit: 0, left: 1, at: 2, span: 3 } as const;
const requests = num.pace + 7;
const tokens = requests + 4;
const of = {
  known: num.pace,
  closedAt: num.pace + 1,
  closedFor: num.pace + 2,
  steppedAt: num.pace + 3,
  meanTokens: num.pace + 4,
  /** When the last report came. */
  heardAt: num.pace + 5,
  /** When a report showed last that a limit grows back before its reset; 0: none has. */
  evenAt: num.pace + 6,
} as const;

export class TargetPace implements Pace {
  readonly #memory: PoolMemory;
  readonly #clock: Clock;
  readonly #cells = new Map<string, MemberCell>();

  constructor(memory: PoolMemory, clock: Clock) {
    this.#memory = memory;
    this.#clock = clock;
  }

  take(target: Target, wanted: number): PaceTicket | PaceRefusal {
    const cell = this.#cellOf(paceId(target));
    const nowMs = this.#clock.nowMs();
    cell.lock();
    try {
      const waitMs = waitFor(cell, wanted, nowMs);
      if (waitMs !== 0) return { refused: true, retryAfterMs: waitMs };
      cell.addInFlight(1);
    } finally {
      cell.unlock();
    }
    return new Ticket(cell, this.#clock, { wanted, startedMs: nowMs });
  }

  #cellOf(id: string): MemberCell {
    let cell = this.#cells.get(id);
    if (cell?.current) return cell;
    cell = this.#memory.find(paceGroup, [id]).get(id);
    // What has no place in the shared memory is known to this thread alone.
    cell ??= new PoolMemory(createPoolMemory({ members: 1, workers: 1 }), 0).assign(0, paceGroup, id);
    this.#cells.set(id, cell);
    return cell;
  }
}

class Ticket implements PaceTicket {
  readonly refused = false;
  readonly #cell: MemberCell;
  readonly #clock: Clock;
  readonly #call: { readonly wanted: number; readonly startedMs: number };
  #over = false;

  constructor(cell: MemberCell, clock: Clock, call: { readonly wanted: number; readonly startedMs: number }) {
    this.#cell = cell;
    this.#clock = clock;
    this.#call = call;
  }

  heard(head: PaceHead): void {
    if (this.#over) return;
    const { wanted, startedMs } = this.#call;
    const cell = this.#cell;
    cell.lock();
    try {
      this.end();
      learn(cell, head, { wanted, startedMs, nowMs: this.#clock.nowMs() });
    } finally {
      cell.unlock();
    }
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#cell.addInFlight(-1);
  }
}

/** 0: there is room. Null: as soon as an answer comes. Under the lock. */
function waitFor(cell: MemberCell, wanted: number, nowMs: number): number | null {
  const { nums } = cell;
  const closedMs = nums[of.closedAt]! + nums[of.closedFor]! - nowMs;
  // A clock may have been set back.
  if (closedMs > 0 && nowMs >= nums[of.closedAt]!) return closedMs;
  const inFlight = cell.inFlight();
  if (nums[of.known] === known.noLimits) return 0;
  if (nums[of.known] === known.nothing) return inFlight < coldCalls ? 0 : null;
  const waits = [
    waitForLimit(cell, requests, { wanted: 1, held: inFlight, nowMs }),
    waitForLimit(cell, tokens, { wanted, held: inFlight * nums[of.meanTokens]!, nowMs }),
  ];
  if (waits.includes(null)) return null;
  return Math.max(...(waits as number[]));
}

interface Need {
  readonly wanted: number;
  /** By those under way, which the last report may have counted or not: both times, to be sure. */
  readonly held: number;
  readonly nowMs: number;
}

function waitForLimit(cell: MemberCell, first: number, { wanted, held, nowMs }: Need): number | null {
  const limit = cell.nums[first + field.limit]!;
  // What is larger than the whole limit is for the provider to judge.
  if (limit === 0 || wanted > limit) return 0;
  const { left, untilWholeMs, perMs, grown } = standOf(cell, first, nowMs);
  // Nobody knows yet whether it grows: one call finds out.
  if (held > 0 && grown > 0 && cell.nums[of.evenAt] === 0 && wanted + held > left - grown) return null;
  const missing = wanted + held - left;
  if (missing <= 0) return 0;
  if (untilWholeMs <= 0) return null;
  return Math.max(1, Math.ceil(perMs > 0 ? Math.min(missing / perMs, untilWholeMs) : untilWholeMs));
}

/** What is left of a limit by now. Some grow back evenly (token buckets), some all at once: a refusal tells them apart. */
function standOf(
  { nums }: MemberCell,
  first: number,
  nowMs: number,
): {
  readonly left: number;
  readonly untilWholeMs: number;
  readonly perMs: number;
  /** Of what is left: what nobody has said. */
  readonly grown: number;
} {
  const limit = nums[first + field.limit]!;
  const left = nums[first + field.left]!;
  const span = nums[first + field.span]!;
  const elapsed = Math.max(0, nowMs - nums[first + field.at]!);
  if (elapsed >= span) return { left: limit, untilWholeMs: 0, perMs: 0, grown: 0 };
  const isEven = nowMs - nums[of.steppedAt]! > steppedForMs;
  const perMs = isEven ? (limit - left) / span : 0;
  const grown = perMs * elapsed;
  return { left: left + grown, untilWholeMs: span - elapsed, perMs, grown };
}

/** Under the lock. */
function learn(
  cell: MemberCell,
  { status, limits, retryAfterMs }: PaceHead,
  {
    wanted,
    startedMs,
    nowMs,
  }: { readonly wanted: number; readonly startedMs: number; readonly nowMs: number },
): void {
  const { nums } = cell;
  nums[of.meanTokens]! += nums[of.meanTokens] === 0 ? wanted : learningRate * (wanted - nums[of.meanTokens]!);
  const stands = [
    [requests, limits?.requests ?? null, 1],
    [tokens, limits?.tokens ?? null, wanted],
  ] as const;
  for (const [first, stand, used] of stands) {
    if (stand && stand.limit > 0) take(cell, first, { stand, startedMs, nowMs });
    // Nothing was said: it counted all the same.
    else nums[first + field.left] = Math.max(0, nums[first + field.left]! - used);
  }
  if (limits) {
    nums[of.known] = known.limits;
    nums[of.heardAt] = nowMs;
  } else if (nums[of.known] === known.nothing && status < 400) nums[of.known] = known.noLimits;
  if (status !== 429) return;
  const resets = [limits?.requests, limits?.tokens].map((stand) =>
    stand?.remaining === 0 ? stand.resetMs : 0,
  );
  nums[of.closedAt] = nowMs;
  nums[of.closedFor] = retryAfterMs ?? (Math.max(...resets) || usualPauseMs);
  nums[of.steppedAt] = nowMs;
  nums[of.evenAt] = 0;
}

/**
 * Reports come out of order: one of a call that began before the last one came counts only where it says that less is left than
 * was thought.
 */
function take(
  cell: MemberCell,
  first: number,
  {
    stand,
    startedMs,
    nowMs,
  }: { readonly stand: LimitStand; readonly startedMs: number; readonly nowMs: number },
): void {
  const { nums } = cell;
  const { left, untilWholeMs } = standOf(cell, first, nowMs);
  if (untilWholeMs > 0 && startedMs <= nums[of.heardAt]! && stand.remaining > left) return;
  const isLater = startedMs > nums[of.heardAt]!;
  // One that is renewed all at once has a whole span before it then.
  if (isLater && stand.remaining > nums[first + field.left]! && stand.resetMs < nums[first + field.span]!)
    nums[of.evenAt] = nowMs;
  nums[first + field.limit] = stand.limit;
  nums[first + field.left] = Math.min(stand.remaining, stand.limit);
  nums[first + field.at] = nowMs;
  nums[first + field.span] = stand.resetMs;
}
