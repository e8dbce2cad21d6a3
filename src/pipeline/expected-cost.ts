import type { Exchange } from '#core/exchange.ts';
import type { NanoAmount } from '#core/money.ts';
import { costOfTokens, priceAt, type PriceVersion } from '#core/price.ts';
import type { Target } from '#core/target.ts';
import { tierServed } from './attempt-prices.ts';

export interface ExpectedCost {
  readonly costNano: NanoAmount;
  readonly price: PriceVersion;
}

/**
 * What a call would cost at a target at most: with all the output that was asked for, or as much as a call gets that does not say.
 * Null where nothing has a price.
 */
export function expectedCost(exchange: Exchange, target: Target): ExpectedCost | null {
  const { brief, estimatedInput, admittedAtMs } = exchange;
  if (!target.price || !brief) return null;
  const price = priceAt(target.price, {
    atMs: admittedAtMs,
    serviceTier: tierServed(exchange, target, undefined),
  });
  if (!price) return null;
  const each = brief.maxOutputTokens ?? target.defaultMaxOutputTokens;
  const output = Math.min(each * Math.max(1, brief.choices), Number.MAX_SAFE_INTEGER);
  return { costNano: costOfTokens(price, estimatedInput, output), price };
}
