import { heldWindowMs } from '#core/contracts/counter-store.ts';
import { Fault } from '#core/fault.ts';
import { rowHeaderWords, rowWords, shardWords, type CounterLayout } from './layout.ts';
import { paneAt, paneSlots, windowOf } from './panes.ts';
import type { Place } from './subject-places.ts';
import type { UndoLog } from './undo-log.ts';

/** Words of a row, from its beginning. Its panes follow the header. */
export const rowField = { hash0: 0, hash1: 1, windowMs: 2, last: 3, sum: 4, generation: 5 } as const;

/**
 * Rows of one thread's view: open addressing with linear probing, within a shard. Rows are never removed, so a probe
 * may stop at the first empty one; one whose units have all left holds nothing and may be given to another subject
 * once its shard is full. Everything here needs the shard's lock.
 */
export interface Rows {
  /** Word of the row, or 0. */
  find(place: Place): number;
  /**
   * Makes the row, empty, at pane `paneAt(nowMs)` or later.
   * @throws Fault `limit/unavailable` when the shard is full of rows in use.
   */
  create(place: Place, nowMs: number): number;
  /** Brings the row to pane `pane`: what has left is cleared. Does nothing when the row is there or beyond. */
  advance(row: number, ring: number, pane: number): void;
  /** Adds to a pane that still counts; at most up to 2^53−1 in all. Returns what was added. */
  add(row: number, ring: number, pane: number, amount: number): number;
  shardOf(row: number): number;
}

export function openRows(layout: CounterLayout, log: UndoLog): Rows {
  const { words, rowsAt, rowsPerShard } = layout;
  const isAt = (row: number, place: Place): boolean =>
    words[row] === place.hash0 && words[row + rowField.hash1] === place.hash1;
  /** A row may come back after it was given away: not at an earlier time than it was last known at. */
  const floorAt = (shard: number): number => layout.shardsAt + shard * shardWords + 1;

  /** The first empty row, else the first whose units have all left at `nowMs`, else 0. */
  function freeRow(place: Place, nowMs: number): number {
    const base = rowsAt + place.shard * rowsPerShard * rowWords;
    let idle = 0;
    for (let i = 0, at = place.start; i < rowsPerShard; i++, at = at + 1 === rowsPerShard ? 0 : at + 1) {
      const row = base + at * rowWords;
      if (words[row] === 0) return row;
      if (idle !== 0) continue;
      const window = windowOf(words[row + rowField.windowMs]!);
      // What is held is given back one by one: nothing is left that time would have to take away.
      if (window.windowMs === heldWindowMs && words[row + rowField.sum] === 0) idle = row;
      else if (paneAt(window, nowMs) - words[row + rowField.last]! >= window.ring) idle = row;
    }
    return idle;
  }

  return {
    find(place) {
      if (place.hint !== 0 && isAt(place.hint, place)) return place.hint;
      const base = rowsAt + place.shard * rowsPerShard * rowWords;
      for (let i = 0, at = place.start; i < rowsPerShard; i++, at = at + 1 === rowsPerShard ? 0 : at + 1) {
        const row = base + at * rowWords;
        if (isAt(row, place)) return (place.hint = row);
        if (words[row] === 0) return 0;
      }
      return 0;
    },

    create(place, nowMs) {
      const row = freeRow(place, nowMs);
      if (row === 0) {
        throw new Fault(
          'limit/unavailable',
          'The table of limits is full: no row is free for another subject. Give it more rows (at least twice as many as there are subjects times windows).',
          { headers: ['retry-after', '60'] },
        );
      }
      const floor = floorAt(place.shard);
      if (words[row] !== 0) {
        if (words[floor]! < nowMs) log.put(floor, nowMs);
        for (let pane = 0; pane < paneSlots; pane++) {
          const word = row + rowHeaderWords + pane;
          if (words[word] !== 0) log.put(word, 0);
        }
        log.put(row + rowField.sum, 0);
        log.put(row + rowField.generation, words[row + rowField.generation]! + 1);
      }
      log.put(row + rowField.last, paneAt(place, Math.max(nowMs, words[floor]!)));
      log.put(row + rowField.windowMs, place.windowMs);
      log.put(row + rowField.hash1, place.hash1);
      log.put(row, place.hash0);
      return (place.hint = row);
    },

    advance(row, ring, pane) {
      const last = words[row + rowField.last]!;
      if (pane <= last) return;
      let sum = words[row + rowField.sum]!;
      if (sum !== 0) {
        let slot = last % ring;
        for (let steps = Math.min(pane - last, ring); steps > 0; steps--) {
          if (++slot === ring) slot = 0;
          const word = row + rowHeaderWords + slot;
          if (words[word] === 0) continue;
          sum -= words[word]!;
          log.put(word, 0);
        }
        log.put(row + rowField.sum, sum);
      }
      log.put(row + rowField.last, pane);
    },

    add(row, ring, pane, amount) {
      const sum = words[row + rowField.sum]!;
      const added = Math.min(amount, Number.MAX_SAFE_INTEGER - sum);
      if (added === 0) return 0;
      const word = row + rowHeaderWords + (pane % ring);
      log.put(word, words[word]! + added);
      log.put(row + rowField.sum, sum + added);
      return added;
    },

    shardOf: (row) => Math.floor((row - rowsAt) / (rowsPerShard * rowWords)),
  };
}
