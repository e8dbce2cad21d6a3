import type { CounterLayout } from './layout.ts';
import { slotItemField } from './reservation-slots.ts';
import { rowField, rowValue } from './row-fields.ts';
import { mostUnits, type LimitedBy, type RowKind } from './row-kind.ts';
import type { UndoLog } from './undo-log.ts';

type Bucket = LimitedBy<'bucket'>;

/** Longer, and the products below would not be exact. */
const longestMs = 86_400_000;

/**
 * The token bucket (GCRA) as a queue that runs out at `capacity` units per `windowMs`: `sum` is its length at the time `last`, `spare`
 * the fraction of a unit that has run out beyond, in units of 1/windowMs. It admits what it then holds no more than `burst` with.
 *
 * `gone` counts the units that have ever left, so that each has a place: those booked last end at gone + sum. What a settlement
 * gives back is taken from the queue only as far as it has not run out, or others would be given what was used. The rate is the one that whoever asks knows.
 */
export function createBucket({ words }: CounterLayout, log: UndoLog): RowKind {
  const gone = 0;
  const rate = 1;

  /** Units that run out of an endless queue in `ms` after the row's time; what is left of a unit goes to `rest`. */
  let rest = 0;
  function runOut(row: number, ms: number, capacity: number): number {
    const windowMs = words[row + rowField.windowMs]!;
    const left = words[row + rowField.spare]!;
    const part = ms % windowMs;
    const over = part * (capacity % windowMs) + left;
    rest = over % windowMs;
    const wholes = ((ms - part) / windowMs) * capacity;
    return wholes + part * Math.floor(capacity / windowMs) + Math.floor(over / windowMs);
  }

  function leaveUntil(row: number, nowMs: number, capacity: number): void {
    const ms = nowMs - words[row + rowField.last]!;
    if (ms <= 0) return;
    const sum = words[row + rowField.sum]!;
    const out = runOut(row, ms, capacity);
    const isEmpty = out >= sum;
    log.put(row + rowField.last, nowMs);
    log.put(row + rowField.spare, isEmpty ? 0 : rest);
    if (sum !== 0) leave(row, Math.min(out, sum));
  }

  function leave(row: number, units: number): void {
    log.put(rowValue(row, gone), words[rowValue(row, gone)]! + units);
    log.put(row + rowField.sum, words[row + rowField.sum]! - units);
  }

  function queuedAt(row: number, nowMs: number, capacity = words[rowValue(row, rate)]!): number {
    const sum = words[row + rowField.sum]!;
    const ms = nowMs - words[row + rowField.last]!;
    return ms <= 0 || sum === 0 ? sum : Math.max(0, sum - runOut(row, ms, capacity));
  }

  /** Puts units at the end of the queue, and notes at slot item `at` where they end and how many lie together. */
  function queue(row: number, at: number, units: number): number {
    const end = words[rowValue(row, gone)]! + words[row + rowField.sum]!;
    const added = Math.min(units, mostUnits - end);
    if (added === 0) return 0;
    const together = words[at + slotItemField.mark] === end ? words[at + slotItemField.part]! : 0;
    log.put(at + slotItemField.mark, end + added);
    log.put(at + slotItemField.part, together + added);
    log.put(row + rowField.sum, words[row + rowField.sum]! + added);
    return added;
  }

  function giveBack(row: number, at: number, units: number): number {
    const queued = words[at + slotItemField.mark]! - words[rowValue(row, gone)]!;
    const taken = Math.max(0, Math.min(units, queued, words[at + slotItemField.part]!));
    if (taken === 0) return 0;
    leave(row, taken);
    log.put(at + slotItemField.part, words[at + slotItemField.part]! - taken);
    return taken;
  }

  return {
    code: 2,
    held: false,
    windowMs({ window }: Bucket) {
      const { windowMs, burst } = window;
      if (!Number.isSafeInteger(windowMs) || windowMs < 1 || windowMs > longestMs) {
        throw new RangeError(`a bucket's windowMs must be a positive integer up to a day, not ${windowMs}`);
      }
      if (!Number.isSafeInteger(burst) || burst < 0)
        throw new RangeError(`burst must be units, not ${burst}`);
      return windowMs;
    },
    ceiling: ({ window }: Bucket) => window.burst,
    begin(row, { capacity }, atMs) {
      log.put(row + rowField.last, atMs);
      log.put(row + rowField.spare, 0);
      log.put(rowValue(row, rate), capacity);
    },

    advance(row, { capacity }, nowMs) {
      leaveUntil(row, nowMs, capacity);
      if (words[rowValue(row, rate)] !== capacity) log.put(rowValue(row, rate), capacity);
    },

    used: (row, { capacity }, nowMs) => queuedAt(row, nowMs, capacity),

    untilFree(row, { window, capacity }: Bucket, { units, nowMs }) {
      const ms = Math.max(0, nowMs - words[row + rowField.last]!);
      const before = Math.min(runOut(row, ms, capacity), words[row + rowField.sum]!);
      if (capacity === 0 || before + units > words[row + rowField.sum]!) return Infinity;
      let untilMs = Math.ceil(((before + units) / capacity) * window.windowMs);
      // Floats come near; the queue's own arithmetic decides.
      while (untilMs > 0 && runOut(row, untilMs - 1, capacity) >= before + units) untilMs--;
      while (runOut(row, untilMs, capacity) < before + units) untilMs++;
      return Math.max(1, words[row + rowField.last]! + untilMs - nowMs);
    },

    book(row, at, units) {
      words[at + slotItemField.mark] = -1;
      words[at + slotItemField.part] = 0;
      return queue(row, at, units);
    },

    usedBeside: (row, _at, nowMs) => queuedAt(row, nowMs),
    correct: (row, at, change) => (change >= 0 ? queue(row, at, change) : -giveBack(row, at, -change)),
    isIdle: (row, nowMs) => queuedAt(row, nowMs) === 0,
  };
}
