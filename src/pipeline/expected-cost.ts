import type { Exchange } from '#core/exchange.ts';
import type { NanoAmount } from '#core/money.ts';
import { costOfTokens, costOfUnits, priceAt, type PriceVersion } from '#core/price.ts';
import type { Target } from '#core/target.ts';
import { meteredPrices, tierServed } from './attempt-prices.ts';
import type { Passage } from './passage.ts';

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

/** What a call of a route that is billed would cost at most, as far as anybody knows. Null where it is not, or has no price. */
export function expectedMetered(passage: Passage, atMs: number): ExpectedCost | null {
  const { meter } = passage.route;
  const price = meter && meteredPrices(passage, atMs).cost;
  if (!price) return null;
  const units = meter.expected(passage.metered ?? {}, passage.exchange.requestBytes, true);
  return { costNano: costOfUnits(price, units), price };
}
