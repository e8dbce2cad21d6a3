import type {
  CounterStore,
  LimitItem,
  LimitState,
  Reservation,
  ReserveResult,
} from '#core/contracts/counter-store.ts';
import { Fault } from '#core/fault.ts';
import { layoutOf, maxItems, ownerAt } from './layout.ts';
import { openSlots, slotField, slotItemAt, slotItemField } from './reservation-slots.ts';
import { rowField } from './row-fields.ts';
import type { Limited } from './row-kind.ts';
import { createKinds } from './row-kinds.ts';
import { openRows } from './rows.ts';
import { openShardLocks } from './shard-locks.ts';
import { openPlaces, type Place } from './subject-places.ts';
import { openUndoLog } from './undo-log.ts';

export interface CounterStoreOptions {
  /** Number of this incarnation of a thread, from 1; given anew only after `releaseOwner`. */
  readonly owner: number;
  /** How long a lock is waited for before a call fails closed (default 1,000; a holder takes microseconds). */
  readonly lockTimeoutMs?: number;
  /** The time by which reservations are extended (default: of the row, which is that of its last reservation). */
  readonly nowMs?: () => number;
  /** For tests: called after each write to shared memory within a step. */
  readonly afterWrite?: () => void;
}

/** What was booked before, to rebuild windows from. */
export interface BookedAmount extends Limited {
  readonly atMs: number;
  readonly amount: number;
}

/** The contract, at once instead of soon, and what only the embedded store can do. */
export interface EmbeddedCounterStore extends CounterStore {
  reserve(id: string, items: readonly LimitItem[], nowMs: number): ReserveResult;
  extend(reservation: Reservation, step: number, amounts: readonly number[]): readonly number[];
  debit(reservation: Reservation, step: number, amounts: readonly number[]): void;
  settle(reservation: Pick<Reservation, 'token'>, used: readonly number[]): void;
  inspect(limits: readonly Limited[], nowMs: number): LimitState[];
  /** Units that stand booked, also beyond the capacity. */
  unitsOf(limited: Limited, nowMs: number): number;
  /** Books what was used before a restart, whatever the capacity. @throws Fault `limit/unavailable`. */
  restore(booked: Iterable<BookedAmount>): void;
}

/** What a thread remembers of a reservation while it is open, for whoever asks again. */
interface Remembered {
  readonly result: ReserveResult & { readonly admitted: true };
  step: number;
  booked: readonly number[];
}

/**
 * One thread's access to the counters. How windows count is defined in panes.ts, bucket.ts, calendar.ts and held.ts. All items of
 * a call are decided under the locks of all their shards, so calls are linearisable.
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
  const kinds = createKinds(layout, log);
  const { placeOf, sharedPlaceOf } = openPlaces(layout, kinds);
  const rows = openRows(layout, log, kinds);
  const slots = openSlots(layout, owner);
  const timeMs = options.nowMs ?? (() => 0);
  const remembered = new Map<string, Remembered>();
  // Scratch space of one step.
  const places: Place[] = [];
  const rowOf = new Float64Array(maxItems);
  const granted = new Float64Array(maxItems);
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

  function locate(limits: readonly Limited[]): void {
    shardCount = 0;
    for (let i = 0; i < limits.length; i++) addShard((places[i] = placeOf(limits[i]!)).shard);
  }

  function stateOf(place: Place, limited: Limited, nowMs: number): LimitState {
    const row = rows.find(place);
    const used = row === 0 ? 0 : place.kind.used(row, limited, nowMs);
    const limit = place.kind.ceiling(limited);
    return {
      subject: limited.subject,
      limit,
      remaining: Math.max(0, limit - used),
      resetMs: used === 0 ? 0 : place.kind.untilFree(row, limited, { units: 1, nowMs }),
    };
  }

  /** What earlier items of the same call take of the same row. */
  function takenBefore(n: number): number {
    let taken = 0;
    for (let i = 0; i < n; i++) if (places[i]!.hash0 === places[n]!.hash0) taken += granted[i]!;
    return taken;
  }

  /** 0: it is still to be made. */
  function findRow(n: number, limited: Limited, nowMs: number): number {
    const place = places[n]!;
    const row = rows.find(place);
    if (row !== 0 || !limited.invented || rows.hasRoom(place, nowMs)) return row;
    return rows.find((places[n] = sharedPlaceOf(limited, place)));
  }

  /** Null when every item fits, and `granted` is how much of it; changes nothing in the rows. */
  function judge(items: readonly LimitItem[], nowMs: number): ReserveResult | null {
    let refusing = -1;
    let retryAfterMs = 0;
    for (let i = 0; i < items.length; i++) {
      const item = items[i]!;
      const { kind } = places[i]!;
      const row = (rowOf[i] = findRow(i, item, nowMs));
      const ceiling = kind.ceiling(item);
      const taken = takenBefore(i) + (row === 0 ? 0 : kind.used(row, item, nowMs));
      const needed = Math.min(item.atLeast ?? item.amount, item.amount);
      const excess = taken + needed - ceiling;
      // Where earlier use stands above the capacity, nothing is free, and nothing may be what is needed.
      granted[i] = excess <= 0 || needed === 0 ? Math.max(0, Math.min(item.amount, ceiling - taken)) : needed;
      if (excess <= 0 || (needed === 0 && item.atLeast !== undefined)) continue;
      const waitMs =
        needed > ceiling || row === 0 ? Infinity : kind.untilFree(row, item, { units: excess, nowMs });
      if (refusing !== -1 && waitMs <= retryAfterMs) continue;
      refusing = i;
      retryAfterMs = waitMs;
    }
    if (refusing === -1) return null;
    const states = items.map((item, i) => stateOf(places[i]!, item, nowMs));
    return { admitted: false, refusedBy: states[refusing]!, retryAfterMs, states };
  }

  function book(items: readonly LimitItem[], slot: number, nowMs: number): number {
    // Before any row is made: one brought up to now is not idle, and so is not given away to another item.
    for (let i = 0; i < items.length; i++) {
      if (rowOf[i] !== 0) places[i]!.kind.advance(rowOf[i]!, items[i]!, nowMs);
    }
    for (let i = 0; i < items.length; i++) {
      const place = places[i]!;
      const item = items[i]!;
      const row = rowOf[i] || rows.find(place) || rows.create(place, item, nowMs);
      const at = slotItemAt(slot, i);
      words[at + slotItemField.row] = row;
      words[at + slotItemField.rowGeneration] = words[row + rowField.generation]!;
      words[at + slotItemField.ceiling] = place.kind.ceiling(item);
      words[at + slotItemField.amount] = place.kind.book(row, at, granted[i]!);
    }
    words[slot + slotField.admittedAtMs] = nowMs;
    words[slot + slotField.count] = items.length;
    const token = slots.nextToken(slot);
    // Last, so that only a whole reservation is ever found open.
    log.put(slot + slotField.open, token);
    return token;
  }

  function reserveIn(slot: number, id: string, { items, nowMs }: Asked): ReserveResult {
    const refused = judge(items, nowMs);
    if (refused) return refused;
    const token = book(items, slot, nowMs);
    const states = items.map((item, i) => stateOf(places[i]!, item, nowMs));
    const reservation = {
      id,
      token,
      admittedAtMs: nowMs,
      granted: items.map((_, i) => granted[i]!),
    };
    return { admitted: true, reservation, states };
  }

  /** Changes what is booked under the slot's items, as far as their rows are still theirs. */
  function rebook(slot: number, changeOf: (n: number, at: number, row: number) => number): number[] {
    const changes: number[] = [];
    for (let i = 0; i < words[slot + slotField.count]!; i++) {
      const at = slotItemAt(slot, i);
      const row = words[at + slotItemField.row]!;
      changes.push(0);
      if (words[row + rowField.generation] !== words[at + slotItemField.rowGeneration]) continue;
      const change = changeOf(i, at, row);
      if (change === 0) continue;
      changes[i] = kindOf(row).correct(row, at, change);
      if (changes[i] !== 0) {
        log.put(at + slotItemField.amount, words[at + slotItemField.amount]! + changes[i]!);
      }
    }
    return changes;
  }

  const kindOf = (row: number) => kinds.of(words[row + rowField.kind]!);

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

  /** One step under an open reservation, or what it booked when it was made before. */
  function bookMore(
    reservation: Reservation,
    asked: { readonly step: number; readonly amounts: readonly number[] },
    changeOf: (n: number, at: number, row: number) => number,
  ): readonly number[] {
    const slot = slots.openSlot(reservation.token);
    if (slot === 0) return asked.amounts.map(() => 0);
    requireAmounts(slot, asked.amounts);
    const known = remembered.get(reservation.id);
    if (known && asked.step <= known.step) return known.booked;
    lockSlot(slot);
    const booked = step(() => rebook(slot, changeOf));
    if (known) {
      known.step = asked.step;
      known.booked = booked;
    }
    return booked;
  }

  return {
    reserve(id, items, nowMs) {
      const known = remembered.get(id);
      if (known) return known.result;
      if (items.length > maxItems) throw new RangeError(`At most ${maxItems} windows in one reservation.`);
      if (!Number.isFinite(nowMs)) throw new RangeError(`nowMs must be finite, not ${nowMs}`);
      for (const { amount, capacity, atLeast } of items) {
        requireUnits(amount, 'amount');
        requireUnits(capacity, 'capacity');
        if (atLeast !== undefined) requireUnits(atLeast, 'atLeast');
      }
      locate(items);
      const slot = slots.take();
      if (slot === 0) {
        throw new Fault('limit/unavailable', 'Too many reservations are open at once; try again.', {
          headers: ['retry-after', '1'],
        });
      }
      let admitted = false;
      try {
        const result = step(() => reserveIn(slot, id, { items, nowMs }));
        admitted = result.admitted;
        if (result.admitted) remembered.set(id, { result, step: 0, booked: [] });
        return result;
      } finally {
        if (!admitted) slots.give(slot);
      }
    },

    extend(reservation, number, amounts) {
      const nowMs = timeMs();
      return bookMore(reservation, { step: number, amounts }, (n, at, row) => {
        const free = words[at + slotItemField.ceiling]! - kindOf(row).usedBeside(row, at, nowMs);
        return Math.max(0, Math.min(amounts[n]!, free));
      });
    },

    debit(reservation, number, amounts) {
      bookMore(reservation, { step: number, amounts }, (n) => amounts[n]!);
    },

    settle(reservation, used) {
      const slot = slots.openSlot(reservation.token);
      if (slot === 0) return;
      requireAmounts(slot, used);
      lockSlot(slot);
      step(() => {
        rebook(slot, (n, at) => used[n]! - words[at + slotItemField.amount]!);
        log.put(slot + slotField.open, 0);
      });
      slots.give(slot);
      if ('id' in reservation) remembered.delete((reservation as Reservation).id);
    },

    inspect(limits, nowMs) {
      return limits.map((limited) => {
        locate([limited]);
        return step(() => {
          findRow(0, limited, nowMs);
          return stateOf(places[0]!, limited, nowMs);
        });
      });
    },

    unitsOf(limited, nowMs) {
      locate([limited]);
      return step(() => {
        const row = findRow(0, limited, nowMs);
        return row === 0 ? 0 : places[0]!.kind.used(row, limited, nowMs);
      });
    },

    restore(booked) {
      // In the order in which it came: what has run out since does so in that order.
      const inOrder = [...booked].sort((a, b) => a.atMs - b.atMs);
      const slot = slots.take();
      for (const { atMs, amount, ...limited } of inOrder) {
        requireUnits(amount, 'amount');
        locate([limited]);
        step(() => {
          const row = findRow(0, limited, atMs) || rows.create(places[0]!, limited, atMs);
          const { kind } = places[0]!;
          kind.advance(row, limited, atMs);
          kind.book(row, slotItemAt(slot, 0), amount);
        });
      }
      slots.give(slot);
    },
  };
}

interface Asked {
  readonly items: readonly LimitItem[];
  readonly nowMs: number;
}

function requireUnits(value: number, name: string): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`${name} must be a non-negative safe integer, not ${value}`);
  }
}
