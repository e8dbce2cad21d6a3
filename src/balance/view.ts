/** Who may be chosen now: looked up anew when the shared memory has changed, or when something has run out. */
import type { PoolSettings } from '#core/pool-settings.ts';
import { breakerState, isOpen } from './breaker.ts';
import { makeLevel, type Level } from './level.ts';
import { int, num } from './memory.ts';
import { coolDownLeft, ejectionLeft } from './outlier.ts';
import type { Seat } from './seat.ts';
import { activeCode } from './active-code.ts';

export interface PoolView<T> {
  /** By priority. */
  readonly levels: readonly Level<T>[];
  /** Those that health has put out; empty where such ones are never tried. */
  readonly spare: readonly Level<T>[];
  readonly version: number;
  readonly madeAtMs: number;
  readonly goodUntilMs: number;
}

/** A member's part of its weight when it begins to warm up, and the steps in which it grows. */
const coldest = 0.1;
const warmingSteps = 50;

interface Standing {
  readonly place: 'in' | 'spare' | 'out';
  readonly weight: number;
}

export function makeView<T>(
  seats: readonly Seat<T>[],
  settings: PoolSettings,
  { nowMs, version }: { readonly nowMs: number; readonly version: number },
): PoolView<T> {
  let goodUntilMs = Infinity;
  const until = (ms: number) => (goodUntilMs = Math.min(goodUntilMs, ms));
  const levels = new Gathering<T>();
  const spare = new Gathering<T>();
  for (const seat of seats) {
    if (seat.member.weight <= 0) continue;
    const { place, weight } = standingOf(seat, settings, nowMs, until);
    levels.count(seat);
    if (place === 'in') levels.add(seat, weight);
    else if (place === 'spare' && settings.whenAllOut === 'try') spare.add(seat, seat.member.weight);
  }
  return {
    levels: levels.levels(seats.length, settings.overprovision),
    spare: spare.levels(seats.length, Infinity),
    version,
    madeAtMs: nowMs,
    goodUntilMs,
  };
}

function standingOf(
  seat: Seat<unknown>,
  settings: PoolSettings,
  nowMs: number,
  until: (ms: number) => void,
): Standing {
  const { cell, member } = seat;
  seat.probing = false;
  // Before the state: a round that has ended since makes results count for nothing, never for too much.
  seat.round = cell.get(int.round);
  const { weight } = member;
  if (cell.get(int.drained) !== 0) return { place: 'out', weight };
  if (settings.breaker && cell.get(int.breaker) !== breakerState.closed) {
    if (isOpen(cell, nowMs)) {
      until(cell.nums[num.openedAt]! + cell.nums[num.openFor]!);
      return { place: 'out', weight };
    }
    seat.probing = true;
  }
  const left = settings.passive ? Math.max(ejectionLeft(cell, nowMs), coolDownLeft(cell, nowMs)) : 0;
  if (left > 0) until(nowMs + left);
  if (left > 0 || cell.get(int.active) === activeCode.unhealthy) return { place: 'spare', weight };
  if (settings.slowStartMs === 0) return { place: 'in', weight };
  const warm = warmth(cell.nums[num.warmSince]!, settings.slowStartMs, nowMs);
  if (warm < 1) until(nowMs + settings.slowStartMs / warmingSteps);
  return { place: 'in', weight: weight * warm };
}

/** Part of its weight that a member has, from a tenth to the whole. */
export function warmth(sinceMs: number, slowStartMs: number, nowMs: number): number {
  if (sinceMs === 0 || slowStartMs === 0) return 1;
  const elapsed = nowMs - sinceMs;
  return elapsed < 0 || elapsed >= slowStartMs ? 1 : Math.max(coldest, elapsed / slowStartMs);
}

/** Seats by priority, and how much of each priority's weight is in service. */
class Gathering<T> {
  readonly #byPriority = new Map<
    number,
    { seats: Seat<T>[]; weights: number[]; all: number; inService: number }
  >();

  count(seat: Seat<T>): void {
    this.#of(seat).all += seat.member.weight;
  }

  add(seat: Seat<T>, weight: number): void {
    const entry = this.#of(seat);
    entry.seats.push(seat);
    entry.weights.push(weight);
    entry.inService += seat.member.weight;
  }

  levels(poolSize: number, overprovision: number): Level<T>[] {
    const entries = [...this.#byPriority].filter(([, { seats }]) => seats.length > 0);
    entries.sort(([a], [b]) => a - b);
    let left = 1;
    return entries.map(([, { seats, weights, all, inService }], i) => {
      const able = Math.min(1, (overprovision * inService) / Math.max(all, inService));
      // What no priority is able to take goes to the last one's share by drawShare.
      const share = i === 0 ? Math.min(1, able) : Math.min(left, able);
      left -= share;
      return makeLevel(seats, Float64Array.from(weights), { poolSize, share });
    });
  }

  #of({ member }: Seat<T>) {
    let entry = this.#byPriority.get(member.priority);
    if (!entry) {
      entry = { seats: [], weights: [], all: 0, inService: 0 };
      this.#byPriority.set(member.priority, entry);
    }
    return entry;
  }
}
