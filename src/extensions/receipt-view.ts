import { totalCost } from '#core/price.ts';
import type { Receipt } from '#core/receipt.ts';
import { totalsOf } from '#core/usage.ts';
import type { PolicyReceipt } from './policy-definition.ts';

/** A receipt in the words of the facade. */
export function receiptView(receipt: Receipt): PolicyReceipt {
  const { id, route, outcome, status, fault, subjects, requestedModel, admittedAtMs, settledAtMs } = receipt;
  return {
    ...{ id, route, outcome, status, fault, requestedModel },
    project: subjects.project,
    team: subjects.team,
    durationMs: settledAtMs - admittedAtMs,
    attempts: receipt.attempts.map((attempt) => {
      const { input, output } = totalsOf(attempt.lines.map(({ line }) => line));
      return {
        provider: attempt.provider,
        model: attempt.model,
        status: attempt.status,
        inputTokens: input,
        outputTokens: output,
        costNano: totalCost(attempt),
        currency: attempt.currency,
      };
    }),
  };
}
