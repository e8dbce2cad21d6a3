import type { EventRecord } from '#core/contracts/events.ts';
import type { OutboxEntry } from '#core/contracts/outbox.ts';
import type { Receipt } from '#core/receipt.ts';
import { parseReceipt } from '../journal/record.ts';
import { listOf, type Asking } from './asking.ts';
import { columnText } from './column-text.ts';
import { unpackBodies } from './body-block.ts';
import { idDayOf } from './receipt-entry.ts';
import { mapPlace, placeColumns, readStanding } from './read-bodies.ts';
import { rollUpFor, type Dimension } from './roll-ups.ts';
import { foldUnpriced, mapUsage, parseDay, type UsageRow } from './usage-rows.ts';

export type { Dimension } from './roll-ups.ts';
export type { UsageRow } from './usage-rows.ts';

/** One value of a dimension, or any of several. */
export type Where = Readonly<Partial<Record<Exclude<Dimension, 'day'>, string | readonly string[]>>>;

export interface UsageQuery {
  /** None sums everything up. */
  readonly groupBy: readonly Dimension[];
  /** First and last day of admission in UTC, as `2026-11-23`, both included. */
  readonly fromDay?: string;
  readonly toDay?: string;
  readonly where?: Where;
  /** Of one trace, whatever its days (`queryTraceUsage`). */
  readonly traceId?: string;
  /** Most costly groups only. */
  readonly limit?: number;
}

export interface ExportQuery {
  /** Times of admission: from, included, to, excluded. */
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly where?: Where;
  /** Of one trace. */
  readonly traceId?: string;
}

export interface BookedPane {
  readonly subject: string;
  readonly windowMs: number;
  /** Of the latest amount in the pane. */
  readonly atMs: number;
  readonly amount: number;
}

/** Sums of usage by any dimensions, most costly first. @throws RangeError for an unknown dimension or day. */
export function* queryUsage(query: UsageQuery): Asking<UsageRow[]> {
  const { conditions, values } = conditionsOf(query.where);
  const { table } = rollUpFor([...query.groupBy, ...namesIn(query.where)]);
  if (query.fromDay !== undefined) {
    conditions.push('day >= ?');
    values.push(parseDay(query.fromDay));
  }
  if (query.toDay !== undefined) {
    conditions.push('day <= ?');
    values.push(parseDay(query.toDay));
  }
  const columns = [...query.groupBy, 'currency'].map((name) => `"${name}"`).join(', ');
  const rows = yield {
    sql: `SELECT ${columns}, SUM(requests) AS requests, SUM(attempts) AS attempts, SUM(errors) AS errors,
       SUM(input) AS input, SUM(output) AS output, SUM(cache_read) AS cache_read,
       SUM(cache_write) AS cache_write, SUM(reasoning) AS reasoning, SUM(cost_nano) AS cost_nano,
       SUM(price_nano) AS price_nano
     FROM ${table} ${whereOf(conditions)} GROUP BY ${columns} HAVING SUM(attempts) + SUM(requests) > 0 OR SUM(price_nano) <> 0
     ORDER BY SUM(cost_nano) DESC, SUM(requests) DESC, ${columns}`,
    values,
  };
  const folded = foldUnpriced(rows.map((row) => mapUsage(row, query.groupBy)));
  return query.limit === undefined ? folded : folded.slice(0, query.limit);
}

/** One receipt, or null. */
export function* findReceipt(id: string): Asking<Receipt | null> {
  const rows = yield {
    sql: `SELECT ${placeColumns} FROM receipts WHERE id_day = ? AND id = ?`,
    values: [idDayOf(id), id],
  };
  const body = (yield* readStanding(rows.map(mapPlace))).get(id);
  return body === undefined ? null : parseReceipt(body);
}

/** Receipts in the order of their ids, after one of them; at most `limit`. */
export function* queryReceipts(
  query: ExportQuery,
  page: { readonly after: string; readonly limit: number },
): Asking<Receipt[]> {
  for (const name of namesIn(query.where)) rollUpFor([name]);
  const { conditions, values } = conditionsOf(query.where);
  conditions.push('id_day >= ?', '(id_day > ? OR id > ?)');
  const afterDay = idDayOf(page.after);
  values.push(afterDay, afterDay, page.after);
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
    sql: `SELECT ${placeColumns} FROM receipts ${whereOf(conditions)} ORDER BY id_day, id LIMIT ?`,
    values: [...values, page.limit],
  };
  const standing = yield* readStanding(rows.map(mapPlace));
  return [...standing.values()].map((body) => parseReceipt(body));
}

/**
 * What came on the books after the number `after`, in the order in which it came, at most `limit` of each type. Whoever goes
 * on from the last number that it was given misses nothing and is given nothing twice.
 */
export function* queryEntries(after: number, limit: number): Asking<OutboxEntry[]> {
  const blocks = yield {
    sql: `SELECT block, content FROM bodies WHERE last > ? ORDER BY block LIMIT ?`,
    values: [after, limit],
  };
  const corrections = yield {
    sql: 'SELECT sequence, content FROM corrections WHERE sequence > ? ORDER BY sequence LIMIT ?',
    values: [after, limit],
  };
  const events = yield {
    sql: 'SELECT sequence, body FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?',
    values: [after, limit],
  };
  const entries: OutboxEntry[] = [];
  for (const row of blocks) {
    for (const [at, body] of unpackBodies(row['content'] as Uint8Array).entries()) {
      const sequence = Number(row['block']) + at;
      if (sequence > after) entries.push({ sequence, type: 'receipt', receipt: parseReceipt(body) });
    }
    if (entries.length >= limit) break;
  }
  for (const row of corrections) {
    const [body] = unpackBodies(row['content'] as Uint8Array);
    entries.push({ sequence: Number(row['sequence']), type: 'correction', receipt: parseReceipt(body!) });
  }
  for (const row of events) {
    const event = JSON.parse(String(row['body'])) as EventRecord;
    entries.push({ sequence: Number(row['sequence']), type: 'event', event });
  }
  // Of each type there are `limit` or all there is, so the first `limit` of them together leave none out.
  return entries.sort((a, b) => a.sequence - b.sequence).slice(0, limit);
}

/** What is still inside its window at `nowMs`, at most 60 panes for each subject and window. */
export function* queryWindows(nowMs: number): Asking<BookedPane[]> {
  const rows = yield {
    sql: 'SELECT * FROM booked WHERE at_ms + window_ms > ? AND amount > 0 ORDER BY subject, window_ms, at_ms',
    values: [nowMs],
  };
  return rows.map((row) => ({
    subject: String(row['subject']),
    windowMs: Number(row['window_ms']),
    atMs: Number(row['at_ms']),
    amount: Number(row['amount']),
  }));
}

const namesIn = (where: Where = {}): string[] =>
  Object.entries(where).flatMap(([name, value]) => (value === undefined ? [] : [name]));

/** Of a roll-up, or of receipts: columns have the dimensions' names. */
export function conditionsOf(where: Where = {}): { conditions: string[]; values: (string | number)[] } {
  const wanted = Object.entries(where).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, values: [value].flat() }],
  );
  return {
    conditions: wanted.map(({ name, values }) => `"${name}" IN ${listOf(values)}`),
    values: wanted.flatMap(({ values }) => values.map((value) => columnText(value))),
  };
}

const whereOf = (conditions: readonly string[]): string =>
  conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
