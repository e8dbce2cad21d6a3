import type { AttemptProgress } from '#core/contracts/journal.ts';
import type { AttemptRecord } from '#core/exchange.ts';
import { estimateTokens } from '#core/contracts/token-counter.ts';
import { priceLines, priceUnits, totalCost, type PriceVersion } from '#core/price.ts';
import { inputLine, outputLine, totalsOf } from '#core/usage.ts';
import { pricesOfAttempt } from './attempt-prices.ts';
import type { Passage } from './passage.ts';

/** Notes where a stream stands: what a customer pays for it should the process die before it is settled. */
export function recordProgress(passage: Passage, attempt: AttemptRecord): void {
  const { exchange, gateway } = passage;
  const known = attempt.usage ? totalsOf(attempt.usage.lines) : null;
  const input = known?.input ?? exchange.estimatedInput;
  const output = Math.max(known?.output ?? 0, estimateTokens(attempt.seen?.bytes ?? 0));
  const { cost, charge } = pricesOfAttempt(passage, attempt, attempt.usage)();
  const lines = [inputLine(input), outputLine(output)];
  const amountOf = (price: PriceVersion | null): string =>
    price ? `${totalCost({ lines: priceLines(lines, price), units: priceUnits({ lines }, price) })}` : '0';
  gateway.journal.progress({
    exchange: exchange.id,
    attempt: attempt.number,
    atMs: gateway.clock.nowMs(),
    inputTokens: input,
    outputTokens: output,
    costNano: amountOf(cost),
    currency: cost?.currency ?? 'USD',
    ...(charge
      ? { charge: { version: charge.version, currency: charge.currency, priceNano: amountOf(charge) } }
      : {}),
    ...grownOf(passage),
  });
}

/** Limits that were extended or debited while the answer flowed stand at more than when it was begun. */
function grownOf({ holds }: Passage): Pick<AttemptProgress, 'reserved'> {
  if (!holds?.some(({ hasGrown }) => hasGrown)) return {};
  return { reserved: holds.flatMap(({ onRecord }) => onRecord) };
}
