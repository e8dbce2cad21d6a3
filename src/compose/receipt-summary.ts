import type { ReceiptSummary } from '#core/contracts/control-plane.ts';
import { totalCost } from '#core/price.ts';
import type { Receipt } from '#core/receipt.ts';
import { totalsOf } from '#core/usage.ts';

export function summaryOf(receipt: Receipt): ReceiptSummary {
  const { id, route, outcome, status, fault, admittedAtMs, settledAtMs, firstContentAtMs } = receipt;
  const { key, project, team } = receipt.subjects;
  const last = receipt.attempts.at(-1);
  const cost = new Map<string, bigint>();
  for (const attempt of receipt.attempts)
    cost.set(attempt.currency, (cost.get(attempt.currency) ?? 0n) + totalCost(attempt));
  const tokens = totalsOf(receipt.attempts.flatMap(({ lines }) => lines.map(({ line }) => line)));
  return {
    ...{ id, admittedAtMs, settledAtMs, firstContentAtMs, route, outcome, status, fault, key, project, team },
    model: last?.model ?? receipt.requestedModel,
    provider: last?.provider ?? null,
    attempts: receipt.attempts.length,
    inputTokens: tokens.input,
    outputTokens: tokens.output,
    costNano: Object.fromEntries([...cost].map(([currency, nano]) => [currency, nano.toString()])),
  };
}
