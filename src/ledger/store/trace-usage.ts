import { renderReceipt } from '../journal/record.ts';
import type { Asking } from './asking.ts';
import { queryReceipts, type UsageQuery, type UsageRow } from './queries.ts';
import { mapEntry, type Count } from './receipt-entry.ts';
import type { Dimension } from './roll-ups.ts';
import { foldUnpriced, renderDay } from './usage-rows.ts';

const mostReceipts = 10_000;

/** Usage of one trace, from its receipts; by any dimensions, most costly first. The first 10,000 of them count. */
export function* queryTraceUsage({ groupBy, where, traceId, limit }: UsageQuery): Asking<UsageRow[]> {
  const query = { traceId, ...(where ? { where } : {}) };
  const receipts = yield* queryReceipts(query, { after: '', limit: mostReceipts });
  const rows = new Map<string, UsageRow>();
  for (const receipt of receipts) {
    for (const count of mapEntry(receipt, renderReceipt(receipt), []).counts) add(rows, count, groupBy);
  }
  const folded = foldUnpriced(
    [...rows.values()].sort((a, b) => (a.costNano === b.costNano ? 0 : a.costNano < b.costNano ? 1 : -1)),
  );
  return limit === undefined ? folded : folded.slice(0, limit);
}

function add(
  rows: Map<string, UsageRow>,
  { of, requests, attempts, errors, tokens, costNano, priceNano }: Count,
  groupBy: readonly Dimension[],
): void {
  const group: Partial<Record<Dimension, string>> = {};
  for (const name of groupBy) group[name] = name === 'day' ? renderDay(of.day) : of[name];
  const name = JSON.stringify([group, of.currency]);
  const known = rows.get(name);
  rows.set(name, {
    group,
    currency: of.currency,
    requests: (known?.requests ?? 0) + requests,
    attempts: (known?.attempts ?? 0) + attempts,
    errors: (known?.errors ?? 0) + errors,
    inputTokens: (known?.inputTokens ?? 0) + tokens.input,
    outputTokens: (known?.outputTokens ?? 0) + tokens.output,
    cacheReadTokens: (known?.cacheReadTokens ?? 0) + tokens.cacheRead,
    cacheWriteTokens: (known?.cacheWriteTokens ?? 0) + tokens.cacheWrite,
    reasoningTokens: (known?.reasoningTokens ?? 0) + tokens.reasoning,
    costNano: (known?.costNano ?? 0n) + costNano,
    priceNano: (known?.priceNano ?? 0n) + priceNano,
  });
}
