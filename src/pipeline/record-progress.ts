import type { AttemptRecord } from '#core/exchange.ts';
import { estimateTokens } from '#core/contracts/token-counter.ts';
import { priceLines, totalCost } from '#core/price.ts';
import { inputLine, outputLine, totalsOf } from '#core/usage.ts';
import type { Passage } from './passage.ts';

/** Notes where a stream stands: what a customer pays for it should the process die before it is settled. */
export function recordProgress({ exchange, gateway }: Passage, attempt: AttemptRecord): void {
  const known = attempt.usage ? totalsOf(attempt.usage.lines) : null;
  const input = known?.input ?? exchange.estimatedInput;
  const output = Math.max(known?.output ?? 0, estimateTokens(attempt.seen?.bytes ?? 0));
  const price = attempt.target?.price ?? null;
  const lines = price ? priceLines([inputLine(input), outputLine(output)], price) : [];
  const cost = totalCost({ lines }) + (price?.perRequest ?? 0n);
  gateway.journal.progress({
    exchange: exchange.id,
    attempt: attempt.number,
    atMs: gateway.clock.nowMs(),
    inputTokens: input,
    outputTokens: output,
    costNano: cost.toString(),
    currency: price?.currency ?? 'USD',
  });
}
