import { Fault } from '#core/fault.ts';
import { rowValues, rowWords, shardWords, type CounterLayout } from './layout.ts';
import { rowField, rowValue } from './row-fields.ts';
import type { Limited } from './row-kind.ts';
import type { RowKinds } from './row-kinds.ts';
import type { Place } from './subject-places.ts';
import type { UndoLog } from './undo-log.ts';

/**
 * Rows of one thread's view: open addressing with linear probing, within a shard. Rows are never removed, so a probe
 * may stop at the first empty one; one whose units have all left holds nothing and may be given to another subject
 * once its shard is full. Everything here needs the shard's lock.
 */
export interface Rows {
  /** Word of the row, or 0. */
  find(place: Place): number;
  /**
   * Makes the row, empty, at `nowMs` or later.
   * @throws Fault `limit/unavailable` when the shard is full of rows in use.
   */
  create(place: Place, limited: Limited, nowMs: number): number;
  /** Is there a row that could be made this one? */
  hasRoom(place: Place, nowMs: number): boolean;
  shardOf(row: number): number;
}

export function openRows(layout: CounterLayout, log: UndoLog, kinds: RowKinds): Rows {
  const { words, rowsAt, rowsPerShard } = layout;
  const isAt = (row: number, place: Place): boolean =>
    words[row] === place.hash0 && words[row + rowField.hash1] === place.hash1;
  /** A row may come back after it was given away: not at an earlier time than it was last known at. */
  const floorAt = (shard: number): number => layout.shardsAt + shard * shardWords + 1;

  /** The first empty row, else the first whose units have all left at `nowMs`, else 0. */
  function freeRow(place: Place, nowMs: number): number {
    const base = rowsAt + place.shard * rowsPerShard * rowWords;
    let idle = 0;
    for (let i = place.from, at = place.start; i < rowsPerShard; i++) {
      const row = base + at * rowWords;
      at = at + 1 === rowsPerShard ? place.from : at + 1;
      if (words[row] === 0) return row;
      if (idle === 0 && kinds.of(words[row + rowField.kind]!).isIdle(row, nowMs)) idle = row;
    }
    return idle;
  }

  function clear(row: number): void {
    for (let n = 0; n < rowValues; n++) {
      const word = rowValue(row, n);
      if (words[word] !== 0) log.put(word, 0);
    }
    for (const field of [rowField.last, rowField.sum, rowField.spare]) {
      if (words[row + field] !== 0) log.put(row + field, 0);
    }
    log.put(row + rowField.generation, words[row + rowField.generation]! + 1);
  }

  return {
    find(place) {
      if (place.hint !== 0 && isAt(place.hint, place)) return place.hint;
      const base = rowsAt + place.shard * rowsPerShard * rowWords;
      for (let i = place.from, at = place.start; i < rowsPerShard; i++) {
        const row = base + at * rowWords;
        at = at + 1 === rowsPerShard ? place.from : at + 1;
        if (isAt(row, place)) return (place.hint = row);
        if (words[row] === 0) return 0;
      }
      return 0;
    },

    hasRoom: (place, nowMs) => freeRow(place, nowMs) !== 0,

    create(place, limited, nowMs) {
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
        clear(row);
      }
      log.put(row + rowField.kind, place.kind.code);
      log.put(row + rowField.windowMs, place.windowMs);
      place.kind.begin(row, limited, Math.max(nowMs, words[floor]!));
      log.put(row + rowField.hash1, place.hash1);
      log.put(row, place.hash0);
      return (place.hint = row);
    },

    shardOf: (row) => Math.floor((row - rowsAt) / (rowsPerShard * rowWords)),
  };
}
