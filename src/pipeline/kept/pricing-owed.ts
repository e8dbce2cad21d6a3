import type { Obligation } from '#core/contracts/keeper.ts';
import type { Target } from '#core/target.ts';
import type { Usage } from '#core/usage.ts';
import { pricesOf, tierServed } from '../attempt-prices.ts';
import type { Gateway } from '../gateway.ts';
import type { Pricing } from '#core/price-usage.ts';

/** What was to be done later is priced by when it was asked for. */
export function pricingOwed(
  gateway: Gateway,
  { subjects, beganAtMs, batch }: Obligation,
  { target, usage }: { readonly target: Target; readonly usage: Usage | null },
): Pricing {
  const served = tierServed({ brief: null, dialectName: '' }, target, usage?.serviceTier);
  const serviceTier = batch ? 'batch' : served;
  return {
    prices: pricesOf(gateway, target, { use: { atMs: beganAtMs, serviceTier }, subjects }),
    serviceTier,
    tolerance: target.provider.costTolerance,
  };
}
