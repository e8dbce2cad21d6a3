import type { Receipt } from '#core/receipt.ts';
import { parseReceipt } from '../journal/record.ts';
import type { Asking } from './asking.ts';
import { columnText } from './column-text.ts';
import { conditionsOf, type ExportQuery } from './queries.ts';
import { mapPlace, placeColumns, readStanding } from './read-bodies.ts';

/** So many numbers of the books are looked through by one question, however few receipts of them are wanted. */
const lookedThrough = 100_000;

export interface LatestReceipts {
  /** The latest on the books first. */
  readonly receipts: readonly Receipt[];
  /** Where to go on; null: there is nothing before. */
  readonly next: number | null;
}

/**
 * Receipts that came on the books before a number (null: the latest), at most `limit`. A question looks at a part of the books
 * only, so that what else there is to do need not wait: there may be fewer, and more before.
 */
export function* queryLatest(
  query: ExportQuery,
  { before, limit }: { readonly before: number | null; readonly limit: number },
): Asking<LatestReceipts> {
  const [ends] = yield {
    sql: 'SELECT MIN(sequence) AS low, MAX(sequence) AS high FROM receipts',
    values: [],
  };
  if (ends?.['high'] == null) return { receipts: [], next: null };
  const upper = Math.min(before ?? Infinity, Number(ends['high']) + 1);
  const lower = Math.max(Number(ends['low']), upper - lookedThrough);
  const { conditions, values } = conditionsOf(query.where);
  conditions.push('sequence < ?', 'sequence >= ?');
  values.push(upper, lower);
  if (query.traceId !== undefined) {
    conditions.push('trace_id = ?');
    values.push(columnText(query.traceId));
  }
  if (query.fromMs !== undefined) {
    conditions.push('admitted_at_ms >= ?');
    values.push(query.fromMs);
  }
  if (query.toMs !== undefined) {
    conditions.push('admitted_at_ms < ?');
    values.push(query.toMs);
  }
  const rows = yield {
    sql: `SELECT ${placeColumns} FROM receipts WHERE ${conditions.join(' AND ')} ORDER BY sequence DESC LIMIT ?`,
    values: [...values, limit],
  };
  const places = rows.map(mapPlace);
  const standing = yield* readStanding(places);
  const from = places.length === limit ? places.at(-1)!.sequence : lower;
  return {
    receipts: [...standing.values()].map((body) => parseReceipt(body)),
    next: from > Number(ends['low']) ? from : null,
  };
}
