import type { CounterLayout } from './layout.ts';
import { rowField } from './row-fields.ts';
import { mostUnits, type RowKind } from './row-kind.ts';
import type { UndoLog } from './undo-log.ts';

/** What does not renew: units are held until they are settled. Time plays no part. */
export function createHeld({ words }: CounterLayout, log: UndoLog): RowKind {
  function add(row: number, units: number): number {
    const sum = words[row + rowField.sum]!;
    const added = Math.min(units, mostUnits - sum);
    if (added !== 0) log.put(row + rowField.sum, sum + added);
    return added;
  }

  const used = (row: number): number => words[row + rowField.sum]!;
  return {
    code: 4,
    held: true,
    windowMs: () => 0,
    ceiling: ({ capacity }) => capacity,
    begin() {},
    advance() {},
    used,
    untilFree: () => Infinity,
    book: (row, _at, units) => add(row, units),
    usedBeside: used,
    correct: (row, _at, change) => add(row, change),
    isIdle: (row) => used(row) === 0,
  };
}
