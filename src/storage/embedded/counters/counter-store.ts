import type {
  CounterStore,
  LimitItem,
  LimitState,
  Reservation,
  ReserveResult,
} from '#core/contracts/counter-store.ts';
import { Fault } from '#core/fault.ts';
import { layoutOf, maxItems, ownerAt, rowHeaderWords } from './layout.ts';
import { leavesAtMs, liveSum, paneAt, paneFreeing, ringOf } from './panes.ts';
import { openSlots, slotField, slotItemAt, slotItemField } from './reservation-slots.ts';
import { openRows, rowField } from './rows.ts';
import { openShardLocks } from './shard-locks.ts';
import { openPlaces, type Place } from './subject-places.ts';
import { openUndoLog } from './undo-log.ts';

export interface CounterStoreOptions {
  /** Number of this incarnation of a thread, from 1; given anew only after `releaseOwner`. */
  readonly owner: number;
  /** How long a lock is waited for before a call fails closed (default 1,000; a holder takes microseconds). */
  readonly lockTimeoutMs?: number;
  /** For tests: called after each write to shared memory within a step. */
  readonly afterWrite?: () => void;
}

/** What was booked before, to rebuild windows from. */
export interface BookedAmount {
  readonly subject: string;
  readonly windowMs: number;
  readonly atMs: number;
  readonly amount: number;
}

export interface WindowStand {
  readonly used: number;
  /** Until the oldest units leave; 0 when there are none. */
  readonly resetMs: number;
}

/** The contract, at once instead of soon, and what only the embedded store can do. */
export interface EmbeddedCounterStore extends CounterStore {
  reserve(items: readonly LimitItem[], nowMs: number): ReserveResult;
  settle(reservation: Reservation, used: readonly number[]): void;
  debit(reservation: Reservation, extra: readonly number[]): void;
  /** Books what was used before a restart, in any order, whatever the capacity. @throws Fault `limit/unavailable`. */
  restore(booked: Iterable<BookedAmount>): void;
  /** What one window stands at; changes nothing. */
  inspect(subject: string, windowMs: number, nowMs: number): WindowStand;
}

/**
 * One thread's access to the counters. The window is defined in panes.ts. All items of a call are decided under the
 * locks of all their shards, so calls are linearisable.
 * @throws RangeError for an owner out of range, Error when it is in use.
 */
export function openCounterStore(
  memory: SharedArrayBuffer,
  options: CounterStoreOptions,
): EmbeddedCounterStore {
  const layout = layoutOf(memory);
  const { words, ints } = layout;
  const { owner } = options;
  if (Atomics.compareExchange(ints, ownerAt(layout, owner) * 2, 0, 1) !== 0) {
    throw new Error(`Counter owner ${owner} is in use; release it first.`);
  }
  const log = openUndoLog(layout, owner, options.afterWrite);
  const locks = openShardLocks(layout, owner, options.lockTimeoutMs ?? 1000);
  const placeOf = openPlaces(layout);
  const rows = openRows(layout, log);
  const slots = openSlots(layout, owner);
  // Scratch space of one step.
  const places: Place[] = [];
  const rowOf = new Float64Array(maxItems);
  const shards = new Int32Array(maxItems);
  let shardCount = 0;

  function addShard(shard: number): void {
    let at = shardCount;
    for (; at > 0 && shards[at - 1]! >= shard; at--) if (shards[at - 1] === shard) return;
    shards.copyWithin(at + 1, at, shardCount);
    shards[at] = shard;
    shardCount++;
  }

  /** Runs a step under the locks of `shards`: all of it or nothing. */
  function step<T>(run: () => T): T {
    locks.take(shards, shardCount);
    try {
      const result = run();
      log.commit();
      return result;
    } catch (thrown) {
      log.rollBack();
      throw thrown;
    } finally {
      locks.give(shards, shardCount);
    }
  }

  /** Units that count in the row at `row` (0: none) at `nowMs`. */
  function usedAt(place: Place, row: number, nowMs: number): number {
    if (row === 0) return 0;
    const last = words[row + rowField.last]!;
    const sum = words[row + rowField.sum]!;
    return liveSum(words, row + rowHeaderWords, place, paneAt(place, nowMs), last, sum);
  }

  /** Until `units` units of the row have left; Infinity when it does not hold as many. */
  function untilFree(place: Place, row: number, units: number, nowMs: number): number {
    if (row === 0) return Infinity;
    const last = words[row + rowField.last]!;
    const now = Math.max(paneAt(place, nowMs), last);
    const pane = paneFreeing(words, row + rowHeaderWords, place, now, last, units);
    return pane === -1 ? Infinity : Math.max(1, leavesAtMs(place, pane) - nowMs);
  }

  /** What earlier items of the same call want of the same row. */
  function wantedBefore(items: readonly LimitItem[], n: number): number {
    let wanted = 0;
    for (let i = 0; i < n; i++) if (places[i]!.hash0 === places[n]!.hash0) wanted += items[i]!.amount;
    return wanted;
  }

  function stateOf(items: readonly LimitItem[], n: number, taken: number, nowMs: number): LimitState {
    const { subject, capacity } = items[n]!;
    const place = places[n]!;
    const used = usedAt(place, rowOf[n]!, nowMs) + taken;
    return {
      subject,
      limit: capacity,
      remaining: Math.max(0, capacity - used),
      resetMs: resetAt(n, used, nowMs),
    };
  }

  function resetAt(n: number, used: number, nowMs: number): number {
    if (used === 0) return 0;
    const place = places[n]!;
    const row = rowOf[n]!;
    const resetMs = untilFree(place, row, 1, nowMs);
    if (resetMs !== Infinity) return resetMs;
    // Nothing there before: what is booked now is the oldest.
    const now = paneAt(place, nowMs);
    return leavesAtMs(place, row === 0 ? now : Math.max(now, words[row + rowField.last]!)) - nowMs;
  }

  /** Null when every item fits; changes nothing. The refusing item is the one that takes longest to come back. */
  function judge(items: readonly LimitItem[], nowMs: number): ReserveResult | null {
    let refusing = -1;
    let retryAfterMs = 0;
    for (let i = 0; i < items.length; i++) {
      const { amount, capacity } = items[i]!;
      const row = (rowOf[i] = rows.find(places[i]!));
      const excess = usedAt(places[i]!, row, nowMs) + wantedBefore(items, i) + amount - capacity;
      if (excess <= 0) continue;
      const waitMs = amount > capacity ? Infinity : untilFree(places[i]!, row, excess, nowMs);
      if (refusing !== -1 && waitMs <= retryAfterMs) continue;
      refusing = i;
      retryAfterMs = waitMs;
    }
    if (refusing === -1) return null;
    const states = items.map((_, i) => stateOf(items, i, 0, nowMs));
    return { admitted: false, refusedBy: states[refusing]!, retryAfterMs, states };
  }

  function book(items: readonly LimitItem[], slot: number, nowMs: number): ReserveResult {
    const states: LimitState[] = [];
    for (let i = 0; i < items.length; i++) {
      states.push(stateOf(items, i, wantedBefore(items, i) + items[i]!.amount, nowMs));
    }
    // Before any row is made: one brought up to now is not idle, and so is not given away to another item.
    for (let i = 0; i < items.length; i++) {
      if (rowOf[i] !== 0) rows.advance(rowOf[i]!, places[i]!.ring, paneAt(places[i]!, nowMs));
    }
    for (let i = 0; i < items.length; i++) {
      const place = places[i]!;
      const row = rowOf[i] || rows.find(place) || rows.create(place, nowMs);
      const pane = words[row + rowField.last]!;
      const at = slotItemAt(slot, i);
      words[at + slotItemField.row] = row;
      words[at + slotItemField.rowGeneration] = words[row + rowField.generation]!;
      words[at + slotItemField.pane] = pane;
      words[at + slotItemField.amount] = rows.add(row, place.ring, pane, items[i]!.amount);
    }
    words[slot + slotField.admittedAtMs] = nowMs;
    words[slot + slotField.count] = items.length;
    const token = slots.nextToken(slot);
    // Last, so that only a whole reservation is ever found open.
    log.put(slot + slotField.open, token);
    return { admitted: true, reservation: { token, admittedAtMs: nowMs }, states };
  }

  /** Changes what is booked under the slot's items, where their panes still count. */
  function rebook(slot: number, change: (n: number, booked: number) => number): void {
    for (let i = 0; i < words[slot + slotField.count]!; i++) {
      const at = slotItemAt(slot, i);
      const row = words[at + slotItemField.row]!;
      const booked = words[at + slotItemField.amount]!;
      if (words[row + rowField.generation] !== words[at + slotItemField.rowGeneration]) continue;
      const ring = ringOf(words[row + rowField.windowMs]!);
      const pane = words[at + slotItemField.pane]!;
      if (pane <= words[row + rowField.last]! - ring) continue;
      const added = rows.add(row, ring, pane, change(i, booked));
      if (added !== 0) log.put(at + slotItemField.amount, booked + added);
    }
  }

  function lockSlot(slot: number): void {
    shardCount = 0;
    for (let i = 0; i < words[slot + slotField.count]!; i++) {
      addShard(rows.shardOf(words[slotItemAt(slot, i) + slotItemField.row]!));
    }
  }

  function requireAmounts(slot: number, amounts: readonly number[]): void {
    if (amounts.length !== words[slot + slotField.count]) {
      throw new RangeError(`${words[slot + slotField.count]} amounts expected, ${amounts.length} given`);
    }
    for (const amount of amounts) requireUnits(amount, 'amount');
  }

  return {
    reserve(items, nowMs) {
      if (items.length > maxItems) throw new RangeError(`At most ${maxItems} windows in one reservation.`);
      if (!Number.isFinite(nowMs)) throw new RangeError(`nowMs must be finite, not ${nowMs}`);
      shardCount = 0;
      for (let i = 0; i < items.length; i++) {
        const item = items[i]!;
        requireUnits(item.amount, 'amount');
        requireUnits(item.capacity, 'capacity');
        const place = placeOf(item.subject, item.windowMs);
        places[i] = place;
        addShard(place.shard);
      }
      const slot = slots.take();
      if (slot === 0) {
        throw new Fault('limit/unavailable', 'Too many reservations are open at once; try again.', {
          headers: ['retry-after', '1'],
        });
      }
      let admitted = false;
      try {
        const result = step(() => judge(items, nowMs) ?? book(items, slot, nowMs));
        admitted = result.admitted;
        return result;
      } finally {
        if (!admitted) slots.give(slot);
      }
    },

    settle(reservation, used) {
      const slot = slots.openSlot(reservation.token);
      if (slot === 0) return;
      requireAmounts(slot, used);
      lockSlot(slot);
      step(() => {
        rebook(slot, (n, booked) => used[n]! - booked);
        log.put(slot + slotField.open, 0);
      });
      slots.give(slot);
    },

    debit(reservation, extra) {
      const slot = slots.openSlot(reservation.token);
      if (slot === 0) return;
      requireAmounts(slot, extra);
      lockSlot(slot);
      step(() => rebook(slot, (n) => extra[n]!));
    },

    restore(booked) {
      for (const { subject, windowMs, atMs, amount } of booked) {
        requireUnits(amount, 'amount');
        const place = placeOf(subject, windowMs);
        const pane = paneAt(place, atMs);
        shards[0] = place.shard;
        shardCount = 1;
        step(() => {
          const row = rows.find(place) || rows.create(place, atMs);
          rows.advance(row, place.ring, pane);
          if (pane > words[row + rowField.last]! - place.ring) rows.add(row, place.ring, pane, amount);
        });
      }
    },

    inspect(subject, windowMs, nowMs) {
      const place = placeOf(subject, windowMs);
      shards[0] = place.shard;
      shardCount = 1;
      return step(() => {
        const row = rows.find(place);
        const used = usedAt(place, row, nowMs);
        return { used, resetMs: used === 0 ? 0 : untilFree(place, row, 1, nowMs) };
      });
    },
  };
}

function requireUnits(value: number, name: string): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`${name} must be a non-negative safe integer, not ${value}`);
  }
}
