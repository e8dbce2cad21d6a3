import type { EventRecord } from '#core/contracts/events.ts';
import { renderAmount } from '#core/money.ts';
import { totalCost } from '#core/price.ts';
import type { AttemptLine, Receipt } from '#core/receipt.ts';

const hourMs = 3_600_000;

/** What providers say their attempts cost and we do not: of a price one alarm an hour, with the first receipt that raised it. */
export function costEvents({ id: receipt, settledAtMs, subjects, attempts }: Receipt): EventRecord[] {
  return attempts.filter(disagrees).map((attempt) => {
    const { provider, model, priceVersion, currency, reportedCostNano } = attempt;
    const hour = Math.floor(settledAtMs / hourMs);
    return {
      id: `cost/${provider}/${model}/${priceVersion}/${hour}`,
      type: 'cost.disagrees',
      subject: `provider:${provider}`,
      atMs: settledAtMs,
      data: {
        ...{ receipt, attempt: attempt.number, project: subjects.project },
        ...{ provider, model, priceVersion, currency },
        cost: renderAmount(totalCost(attempt)),
        reported: renderAmount(reportedCostNano ?? 0n),
      },
    };
  });
}

const disagrees = ({ flags }: AttemptLine): boolean => flags.includes('cost-disagrees');
