import { priceLines, priceUnits, type PriceVersion, type PricedUsage } from '#core/price.ts';
import type { Usage } from '#core/usage.ts';

/** What an attempt used, priced. What the receipt is to say of it is added to `flags`. */
export function priceUsage(usage: Usage, price: PriceVersion | null, flags: string[]): PricedUsage {
  const { lines, units } = usage;
  if (!price) {
    if (lines.length || units) flags.push('no-price');
    const free = lines.map((line) => ({ line, costNano: 0n }));
    const freeUnits = Object.entries(units ?? {}).map(([unit, count]) => ({ unit, count, costNano: 0n }));
    return { lines: free, ...(units ? { units: freeUnits } : {}) };
  }
  const priced = priceLines(lines, price);
  // Most calls use nothing but tokens. One whose fate is not known is not charged as a request.
  if (!units && (price.perRequest === undefined || flags.includes('uncertain'))) return { lines: priced };
  const pricedUnits = priceUnits(usage, price);
  if (Object.keys(units ?? {}).some((unit) => price.units?.[unit] === undefined)) flags.push('no-unit-price');
  return pricedUnits.length ? { lines: priced, units: pricedUnits } : { lines: priced };
}
