import type { CounterLayout } from './layout.ts';
import { slotItemField } from './reservation-slots.ts';
import { rowField, rowValue } from './row-fields.ts';
import { mostUnits, type LimitedBy, type RowKind } from './row-kind.ts';
import type { UndoLog } from './undo-log.ts';

type Calendar = LimitedBy<'calendar'>;

/**
 * Periods of a calendar: units count from the first to the last millisecond of the period they are booked in. `last` is where
 * the row's period begins, `spare` where it ends; the period before it is kept for those who were admitted in it.
 */
export function createCalendar({ words }: CounterLayout, log: UndoLog): RowKind {
  const beforeStart = 0;
  const beforeSum = 1;
  const startAt = ({ window }: Calendar, nowMs: number): number =>
    nowMs < window.endMs ? window.startMs : window.endMs;
  const endAt = ({ window }: Calendar, nowMs: number): number =>
    nowMs < window.endMs ? window.endMs : window.nextEndMs;

  /** Word of the sum that units marked with `start` count in; 0 when their period is over by more than one. */
  function sumWord(row: number, start: number): number {
    if (start === words[row + rowField.last]) return row + rowField.sum;
    return start === words[rowValue(row, beforeStart)] ? rowValue(row, beforeSum) : 0;
  }

  function add(word: number, units: number): number {
    const added = Math.min(units, mostUnits - words[word]!);
    if (added !== 0) log.put(word, words[word]! + added);
    return added;
  }

  return {
    code: 3,
    held: false,
    windowMs({ window: { startMs, endMs, nextEndMs } }: Calendar) {
      if (!(startMs < endMs && endMs < nextEndMs)) {
        throw new RangeError(`a period must begin before it ends: ${startMs}, ${endMs}, ${nextEndMs}`);
      }
      return 0;
    },
    ceiling: ({ capacity }) => capacity,
    begin(row, limited: Calendar, atMs) {
      log.put(row + rowField.last, startAt(limited, atMs));
      log.put(row + rowField.spare, endAt(limited, atMs));
      // A start that no period has: nothing was before.
      log.put(rowValue(row, beforeStart), Infinity);
    },

    advance(row, limited: Calendar, nowMs) {
      const start = startAt(limited, nowMs);
      const last = words[row + rowField.last]!;
      if (start <= last) return;
      log.put(rowValue(row, beforeStart), last);
      log.put(rowValue(row, beforeSum), words[row + rowField.sum]!);
      log.put(row + rowField.last, start);
      log.put(row + rowField.spare, endAt(limited, nowMs));
      log.put(row + rowField.sum, 0);
    },

    used: (row, limited: Calendar, nowMs) =>
      startAt(limited, nowMs) > words[row + rowField.last]! ? 0 : words[row + rowField.sum]!,

    untilFree: (row, _limited, { units, nowMs }) =>
      words[row + rowField.sum]! < units ? Infinity : Math.max(1, words[row + rowField.spare]! - nowMs),

    book(row, at, units) {
      words[at + slotItemField.mark] = words[row + rowField.last]!;
      return add(row + rowField.sum, units);
    },

    usedBeside(row, at) {
      const word = sumWord(row, words[at + slotItemField.mark]!);
      return word === 0 ? Infinity : words[word]!;
    },

    correct(row, at, change) {
      const word = sumWord(row, words[at + slotItemField.mark]!);
      return word === 0 ? 0 : add(word, change);
    },

    isIdle: (row, nowMs) => nowMs >= words[row + rowField.spare]!,
  };
}
