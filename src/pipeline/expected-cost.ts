import type { Exchange } from '#core/exchange.ts';
import type { NanoAmount } from '#core/money.ts';
import { priceLines, totalCost, type PriceVersion } from '#core/price.ts';
import type { Target } from '#core/target.ts';
import { inputLine, outputLine } from '#core/usage.ts';

/**
 * What a call would cost at a target at most: with all the output that was asked for, or as much as a call gets that does not say.
 * Null where nothing has a price.
 */
export function expectedCost({ brief, estimatedInput }: Exchange, target: Target): NanoAmount | null {
  const { price } = target;
  if (!price || !brief) return null;
  const each = brief.maxOutputTokens ?? target.defaultMaxOutputTokens;
  const output = Math.min(each * Math.max(1, brief.choices), Number.MAX_SAFE_INTEGER);
  return costOfTokens(price, estimatedInput, output);
}

/** Of plain tokens, and of being asked at all. Counts are safe integers. */
export function costOfTokens(price: PriceVersion, input: number, output: number): NanoAmount {
  const lines = priceLines([inputLine(input), outputLine(output)], price);
  return totalCost({ lines }) + (price.perRequest ?? 0n);
}
