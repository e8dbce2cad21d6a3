import type { CounterLayout } from './layout.ts';
import { slotItemField } from './reservation-slots.ts';
import { rowField, rowValue } from './row-fields.ts';
import { mostUnits, type LimitedBy, type RowKind } from './row-kind.ts';
import type { UndoLog } from './undo-log.ts';

/**
 * The sliding window, exactly. A window of W ms is cut into N panes of p = ⌈W/60⌉ ms each, N = ⌈W/p⌉ ≤ 60, on a grid that
 * begins at the epoch: a unit admitted at t lies in pane e = ⌊t/p⌋. At any time with ⌊now/p⌋ = c the panes c−N … c
 * count, whole. So a unit counts for more than W and at most W + p, and no span of W ever holds more than the
 * capacity.
 *
 * N + 1 ≤ 61 panes lie in a ring, pane e at e mod (N+1); `last` is the newest pane the row has seen.
 */
type Sliding = LimitedBy<'sliding'>;

const paneMsOf = (windowMs: number): number => Math.ceil(windowMs / 60);
/** N + 1: panes that count. */
const ringOf = (windowMs: number): number => Math.ceil(windowMs / paneMsOf(windowMs)) + 1;

export function createSliding({ words }: CounterLayout, log: UndoLog): RowKind {
  const paneAt = (windowMs: number, atMs: number): number => Math.floor(atMs / paneMsOf(windowMs));

  function add(row: number, pane: number, units: number): number {
    const sum = words[row + rowField.sum]!;
    const added = Math.min(units, mostUnits - sum);
    if (added === 0) return 0;
    const word = rowValue(row, pane % ringOf(words[row + rowField.windowMs]!));
    log.put(word, words[word]! + added);
    log.put(row + rowField.sum, sum + added);
    return added;
  }

  /** Units that still count at pane `now`. */
  function liveSum(row: number, now: number): number {
    const sum = words[row + rowField.sum]!;
    const last = words[row + rowField.last]!;
    if (now <= last || sum === 0) return sum;
    const ring = ringOf(words[row + rowField.windowMs]!);
    if (now - last >= ring) return 0;
    let left = sum;
    let slot = last % ring;
    for (let pane = last; pane < now; pane++) {
      if (++slot === ring) slot = 0;
      left -= words[rowValue(row, slot)]!;
    }
    return left;
  }

  return {
    code: 1,
    held: false,
    windowMs({ window: { windowMs } }: Sliding) {
      if (!Number.isSafeInteger(windowMs) || windowMs < 1) {
        throw new RangeError(`windowMs must be a positive integer, not ${windowMs}`);
      }
      return windowMs;
    },
    ceiling: ({ capacity }) => capacity,
    begin(row, { window }: Sliding, atMs) {
      log.put(row + rowField.last, paneAt(window.windowMs, atMs));
    },

    advance(row, { window }: Sliding, nowMs) {
      const last = words[row + rowField.last]!;
      const pane = paneAt(window.windowMs, nowMs);
      if (pane <= last) return;
      let sum = words[row + rowField.sum]!;
      if (sum !== 0) {
        const ring = ringOf(window.windowMs);
        let slot = last % ring;
        for (let steps = Math.min(pane - last, ring); steps > 0; steps--) {
          if (++slot === ring) slot = 0;
          const word = rowValue(row, slot);
          if (words[word] === 0) continue;
          sum -= words[word]!;
          log.put(word, 0);
        }
        log.put(row + rowField.sum, sum);
      }
      log.put(row + rowField.last, pane);
    },

    used: (row, { window }: Sliding, nowMs) => liveSum(row, paneAt(window.windowMs, nowMs)),

    untilFree(row, { window }: Sliding, { units, nowMs }) {
      const { windowMs } = window;
      const last = words[row + rowField.last]!;
      const ring = ringOf(windowMs);
      let pane = Math.max(paneAt(windowMs, nowMs), last) - ring + 1;
      let slot = ((pane % ring) + ring) % ring;
      for (let freed = 0; pane <= last; pane++) {
        freed += words[rowValue(row, slot)]!;
        if (freed >= units) return Math.max(1, (pane + ring) * paneMsOf(windowMs) - nowMs);
        if (++slot === ring) slot = 0;
      }
      return Infinity;
    },

    book(row, at, units) {
      const pane = words[row + rowField.last]!;
      words[at + slotItemField.mark] = pane;
      return add(row, pane, units);
    },

    usedBeside(row, at, nowMs) {
      const windowMs = words[row + rowField.windowMs]!;
      const now = Math.max(words[row + rowField.last]!, paneAt(windowMs, nowMs));
      return words[at + slotItemField.mark]! <= now - ringOf(windowMs) ? Infinity : liveSum(row, now);
    },

    correct(row, at, change) {
      const pane = words[at + slotItemField.mark]!;
      const hasLeft = pane <= words[row + rowField.last]! - ringOf(words[row + rowField.windowMs]!);
      return hasLeft ? 0 : add(row, pane, change);
    },

    isIdle(row, nowMs) {
      const windowMs = words[row + rowField.windowMs]!;
      return paneAt(windowMs, nowMs) - words[row + rowField.last]! >= ringOf(windowMs);
    },
  };
}
