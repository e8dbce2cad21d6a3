import type { DatabaseSync } from 'node:sqlite';
import type { Receipt } from '#core/receipt.ts';
import { parseReceipt } from '../journal/record.ts';
import { dayMs } from './post-receipt.ts';

export type Dimension = 'key' | 'project' | 'team' | 'model' | 'provider' | 'day' | 'route' | 'outcome';
const dimensions: readonly string[] = [
  'key',
  'project',
  'team',
  'model',
  'provider',
  'day',
  'route',
  'outcome',
];

export type Where = Readonly<Partial<Record<Exclude<Dimension, 'day'>, string>>>;

export interface UsageQuery {
  /** None sums everything up. */
  readonly groupBy: readonly Dimension[];
  /** First and last day of admission in UTC, as `2026-11-23`, both included. */
  readonly fromDay?: string;
  readonly toDay?: string;
  readonly where?: Where;
  /** Most costly groups only. */
  readonly limit?: number;
}

export interface UsageRow {
  readonly group: Readonly<Partial<Record<Dimension, string>>>;
  /** Empty where nothing has a price. Amounts of two currencies are never added: such a group has two rows. */
  readonly currency: string;
  readonly requests: number;
  readonly attempts: number;
  /** Requests that ended as `upstream_error`, `timeout` or `gateway_crash`. */
  readonly errors: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  readonly reasoningTokens: number;
  readonly costNano: bigint;
}

export interface ExportQuery {
  /** Times of admission: from, included, to, excluded. */
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly where?: Where;
}

export interface BookedPane {
  readonly subject: string;
  readonly windowMs: number;
  /** Of the latest amount in the pane. */
  readonly atMs: number;
  readonly amount: number;
}

/** Sums of usage by any dimensions, most costly first. @throws RangeError for an unknown dimension or day. */
export function queryUsage(database: DatabaseSync, query: UsageQuery): UsageRow[] {
  for (const name of query.groupBy) checkDimension(name);
  const { conditions, values } = conditionsOf(query.where);
  if (query.fromDay !== undefined) {
    conditions.push('day >= ?');
    values.push(parseDay(query.fromDay));
  }
  if (query.toDay !== undefined) {
    conditions.push('day <= ?');
    values.push(parseDay(query.toDay));
  }
  const columns = [...query.groupBy, 'currency'].map((name) => `"${name}"`).join(', ');
  const statement = database.prepare(
    `SELECT ${columns}, SUM(requests) AS requests, SUM(attempts) AS attempts,
       SUM(CASE WHEN outcome IN ('upstream_error', 'timeout', 'gateway_crash') THEN requests ELSE 0 END) AS errors,
       SUM(input) AS input, SUM(output) AS output, SUM(cache_read) AS cache_read,
       SUM(cache_write) AS cache_write, SUM(reasoning) AS reasoning, SUM(cost_nano) AS cost_nano
     FROM counters ${whereOf(conditions)} GROUP BY ${columns} HAVING SUM(attempts) + SUM(requests) > 0
     ORDER BY SUM(cost_nano) DESC, SUM(requests) DESC`,
  );
  statement.setReadBigInts(true);
  const rows = foldUnpriced(statement.all(...values).map((row) => mapUsage(row, query.groupBy)));
  return query.limit === undefined ? rows : rows.slice(0, query.limit);
}

/** One receipt, or null. */
export function findReceipt(database: DatabaseSync, id: string): Receipt | null {
  const row = database.prepare('SELECT body FROM receipts WHERE id = ?').get(id);
  return row ? parseReceipt(String(row['body'])) : null;
}

/** Receipts in the order of their ids, after one of them; at most `limit`. */
export function queryReceipts(
  database: DatabaseSync,
  query: ExportQuery,
  page: { after: string; limit: number },
): Receipt[] {
  const { conditions, values } = conditionsOf(query.where);
  conditions.push('id > ?');
  values.push(page.after);
  if (query.fromMs !== undefined) {
    conditions.push('admitted_at_ms >= ?');
    values.push(query.fromMs);
  }
  if (query.toMs !== undefined) {
    conditions.push('admitted_at_ms < ?');
    values.push(query.toMs);
  }
  const rows = database
    .prepare(`SELECT body FROM receipts ${whereOf(conditions)} ORDER BY id LIMIT ?`)
    .all(...values, page.limit);
  return rows.map((row) => parseReceipt(String(row['body'])));
}

/** What is still inside its window at `nowMs`, at most 60 panes for each subject and window. */
export function queryWindows(database: DatabaseSync, nowMs: number): BookedPane[] {
  const rows = database
    .prepare(
      'SELECT * FROM booked WHERE at_ms + window_ms > ? AND amount > 0 ORDER BY subject, window_ms, at_ms',
    )
    .all(nowMs);
  return rows.map((row) => ({
    subject: String(row['subject']),
    windowMs: Number(row['window_ms']),
    atMs: Number(row['at_ms']),
    amount: Number(row['amount']),
  }));
}

/** Days since 1970-01-01 as `2026-11-23`. */
export function renderDay(day: number): string {
  return new Date(day * dayMs).toISOString().slice(0, 10);
}

function parseDay(text: string): number {
  const atMs = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(atMs)) throw new RangeError(`expected a day such as 2026-11-23, got "${text}"`);
  return atMs / dayMs;
}

function conditionsOf(where: Where = {}): { conditions: string[]; values: (string | number)[] } {
  const wanted = Object.entries(where).filter((entry) => entry[1] !== undefined);
  for (const [name] of wanted) checkDimension(name);
  return {
    conditions: wanted.map(([name]) => `"${name}" = ?`),
    values: wanted.map(([, value]) => value),
  };
}

const whereOf = (conditions: readonly string[]): string =>
  conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;

function checkDimension(name: string): void {
  if (!dimensions.includes(name)) {
    throw new RangeError(`expected one of ${dimensions.join(', ')}, got "${name}"`);
  }
}

function mapUsage(row: Record<string, unknown>, groupBy: readonly Dimension[]): UsageRow {
  const group: Partial<Record<Dimension, string>> = {};
  for (const name of groupBy) group[name] = name === 'day' ? renderDay(Number(row[name])) : String(row[name]);
  return {
    group,
    currency: String(row['currency']),
    requests: Number(row['requests']),
    attempts: Number(row['attempts']),
    errors: Number(row['errors']),
    inputTokens: Number(row['input']),
    outputTokens: Number(row['output']),
    cacheReadTokens: Number(row['cache_read']),
    cacheWriteTokens: Number(row['cache_write']),
    reasoningTokens: Number(row['reasoning']),
    costNano: row['cost_nano'] as bigint,
  };
}

/** What has no price (a refusal, an attempt that never began) joins the row of its group that has one. */
function foldUnpriced(rows: readonly UsageRow[]): UsageRow[] {
  const groups = Map.groupBy(rows, (row) => JSON.stringify(row.group));
  const folded: UsageRow[] = [];
  for (const row of rows) {
    const group = groups.get(JSON.stringify(row.group))!;
    const unpriced = group.find((other) => other.currency === '' && other.costNano === 0n);
    if (group.length === 1 || !unpriced) folded.push(row);
    else if (row === group.find((other) => other !== unpriced)) folded.push(addUp(row, unpriced));
    else if (row !== unpriced) folded.push(row);
  }
  return folded;
}

const addUp = (row: UsageRow, other: UsageRow): UsageRow => ({
  ...row,
  requests: row.requests + other.requests,
  attempts: row.attempts + other.attempts,
  errors: row.errors + other.errors,
  inputTokens: row.inputTokens + other.inputTokens,
  outputTokens: row.outputTokens + other.outputTokens,
  cacheReadTokens: row.cacheReadTokens + other.cacheReadTokens,
  cacheWriteTokens: row.cacheWriteTokens + other.cacheWriteTokens,
  reasoningTokens: row.reasoningTokens + other.reasoningTokens,
});
