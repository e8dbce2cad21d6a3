import { renderCsvRow } from '#core/csv.ts';
import { renderAmount } from '#core/money.ts';
import { totalCost, totalPrice } from '#core/price.ts';
import type { AttemptLine, Receipt } from '#core/receipt.ts';
import { totalsOf } from '#core/usage.ts';

const columns = [
  'receipt',
  'attempt',
  'admitted_at',
  'outcome',
  'status',
  'fault',
  'key',
  'project',
  'team',
  'route',
  'requested_model',
  'provider',
  'model',
  'upstream_id',
  'usage_source',
  'input_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'output_tokens',
  'reasoning_tokens',
  'cost',
  'currency',
  'price_version',
  'price',
  'price_currency',
  'charge_version',
];

export const csvHead = renderCsvRow(columns);

/** One row for each attempt, or one for a receipt without any (RFC 4180). */
export function csvRows(receipt: Receipt): string {
  const attempts: readonly (AttemptLine | null)[] = receipt.attempts.length ? receipt.attempts : [null];
  return attempts.map((attempt) => renderCsvRow(cellsOf(receipt, attempt))).join('');
}

function cellsOf(receipt: Receipt, attempt: AttemptLine | null): (string | number | null | undefined)[] {
  const totals = totalsOf(attempt?.lines.map((priced) => priced.line) ?? []);
  const costNano = attempt ? totalCost(attempt) : undefined;
  return [
    receipt.id,
    attempt?.number,
    new Date(receipt.admittedAtMs).toISOString(),
    receipt.outcome,
    receipt.status,
    receipt.fault,
    receipt.subjects.key,
    receipt.subjects.project,
    receipt.subjects.team,
    receipt.route,
    receipt.requestedModel,
    attempt?.provider,
    attempt?.model,
    attempt?.upstreamId,
    attempt?.usageSource,
    totals.input,
    totals.cacheRead,
    totals.cacheWrite,
    totals.output,
    totals.reasoning,
    costNano === undefined ? null : renderAmount(costNano),
    attempt?.currency,
    attempt?.priceVersion,
    attempt ? renderAmount(totalPrice(attempt)) : null,
    attempt?.charge?.currency ?? attempt?.currency,
    attempt?.charge?.version ?? attempt?.priceVersion,
  ];
}
