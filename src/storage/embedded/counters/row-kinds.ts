import type { LimitWindow } from '#core/contracts/counter-store.ts';
import { createBucket } from './bucket.ts';
import { createCalendar } from './calendar.ts';
import { createHeld } from './held.ts';
import type { CounterLayout } from './layout.ts';
import { createSliding } from './panes.ts';
import type { RowKind } from './row-kind.ts';
import type { UndoLog } from './undo-log.ts';

/** The kinds of windows; `of` finds the one of a row by its code. */
export type RowKinds = Readonly<Record<LimitWindow['kind'], RowKind>> & {
  readonly of: (code: number) => RowKind;
};

export function createKinds(layout: CounterLayout, log: UndoLog): RowKinds {
  const kinds = {
    sliding: createSliding(layout, log),
    bucket: createBucket(layout, log),
    calendar: createCalendar(layout, log),
    held: createHeld(layout, log),
  };
  const byCode: RowKind[] = [];
  for (const kind of Object.values(kinds)) byCode[kind.code] = kind;
  return { ...kinds, of: (code) => byCode[code]! };
}
