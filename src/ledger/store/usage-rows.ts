import { dayMs } from './receipt-entry.ts';
import type { Row } from './asking.ts';
import type { Dimension } from './roll-ups.ts';

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
  /** What customers pay. */
  readonly priceNano: bigint;
}

/** Days since 1970-01-01 as `2026-11-23`. */
export function renderDay(day: number): string {
  return new Date(day * dayMs).toISOString().slice(0, 10);
}

/** @throws RangeError */
export function parseDay(text: string): number {
  const atMs = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(atMs)) throw new RangeError(`expected a day such as 2026-11-23, got "${text}"`);
  return atMs / dayMs;
}

export function mapUsage(row: Row, groupBy: readonly Dimension[]): UsageRow {
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
    costNano: BigInt(row['cost_nano'] as bigint),
    priceNano: BigInt(row['price_nano'] as bigint),
  };
}

/** What has no price (a refusal, an attempt that never began) joins the row of its group that has one. */
export function foldUnpriced(rows: readonly UsageRow[]): UsageRow[] {
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
