import { shareOf } from './money.ts';
import {
  priceLines,
  priceUnits,
  rowFor,
  totalCost,
  type PricedLine,
  type PricedUnit,
  type PricedUsage,
  type PriceVersion,
} from './price.ts';
import type { AttemptLine } from './receipt.ts';
import { agrees } from './reported-cost.ts';
import type { Provider } from './target.ts';
import type { Usage, UsageLine } from './usage.ts';

/** What holds for an attempt. */
export interface AttemptPrices {
  /** What the provider is paid; null: nothing is known of it. */
  readonly cost: PriceVersion | null;
  /** What the customer pays; null: the cost. */
  readonly charge: PriceVersion | null;
}

/** Of the attempt's model, or of another one of the same provider, at whose price a line is billed. */
export type PricesOf = (model?: string) => AttemptPrices;

export type PricedAttempt = PricedUsage &
  Pick<AttemptLine, 'priceVersion' | 'currency' | 'charge' | 'serviceTier' | 'reportedCostNano'>;

export interface Pricing {
  readonly prices: PricesOf;
  /** Null: as usual. */
  readonly serviceTier: string | null;
  readonly tolerance: Provider['costTolerance'];
}

/** What of an attempt's flags its prices say. */
export const priceFlags: readonly string[] = [
  'no-price',
  'no-unit-price',
  'no-tier-price',
  'no-model-price',
  'cost-disagrees',
];

/** What an attempt used, priced. What the receipt is to say of it is added to `flags`. */
export function priceUsage(
  usage: Usage | null,
  { prices, serviceTier, tolerance }: Pricing,
  flags: string[],
): PricedAttempt {
  const { cost, charge } = prices();
  const lines = usage ? linesOf(usage.lines, prices, flags) : [];
  const units = usage ? unitsOf(usage, { cost, charge }, flags) : [];
  const priced = { lines, ...(units.length > 0 ? { units } : {}) };
  if (usage && !cost && (lines.length > 0 || usage.units)) flags.push('no-price');
  if (cost && serviceTier !== null && cost.serviceTier !== serviceTier) flags.push('no-tier-price');
  const reported = usage?.reportedCostNano;
  const currency = cost?.currency ?? charge?.currency ?? 'USD';
  if (reported !== undefined && cost && currency === 'USD' && !agrees(totalCost(priced), reported, tolerance))
    flags.push('cost-disagrees');
  const counted = usage?.lines ?? [];
  return {
    priceVersion: cost && rowFor(counted, cost).version,
    currency,
    ...(charge ? { charge: { version: rowFor(counted, charge).version, currency: charge.currency } } : {}),
    ...(serviceTier === null ? {} : { serviceTier }),
    ...(reported === undefined ? {} : { reportedCostNano: reported }),
    ...priced,
  };
}

/** Lines of another model are billed at its price, where that is known and in the same currency. */
function linesOf(lines: readonly UsageLine[], prices: PricesOf, flags: string[]): PricedLine[] {
  const own = prices();
  const others = new Set(lines.map(({ model }) => model));
  if (others.size <= 1 && !others.values().next().value) return priceGroup(lines, own);
  const priced = new Map<UsageLine, PricedLine>();
  for (const model of others) {
    const group = lines.filter((line) => line.model === model);
    const found = model === undefined ? own : prices(model);
    const isKnown = found.cost !== null && found.cost.currency === own.cost?.currency;
    if (!isKnown && model !== undefined) flags.push('no-model-price');
    for (const line of priceGroup(group, isKnown ? found : own)) priced.set(line.line, line);
  }
  return lines.map((line) => priced.get(line)!);
}

function priceGroup(lines: readonly UsageLine[], { cost, charge }: AttemptPrices): PricedLine[] {
  const costs = cost ? priceLines(lines, cost) : lines.map((line) => ({ line, costNano: 0n }));
  if (!charge) return costs;
  const charged = priceLines(lines, charge);
  return costs.map((line, i) => ({ ...line, priceNano: charged[i]!.costNano }));
}

function unitsOf(usage: Usage, { cost, charge }: AttemptPrices, flags: string[]): PricedUnit[] {
  const { units } = usage;
  // Most calls use nothing but tokens. One whose fate is not known is not charged as a request.
  const asRequest = !flags.includes('uncertain');
  const of = (price: PriceVersion | null): PricedUnit[] => {
    if (!price) return Object.entries(units ?? {}).map(([unit, count]) => ({ unit, count, costNano: 0n }));
    if (!units && (price.perRequest === undefined || !asRequest)) return [];
    return priceUnits(usage, price);
  };
  const costs = of(cost);
  if (cost && Object.keys(units ?? {}).some((unit) => cost.units?.[unit] === undefined))
    flags.push('no-unit-price');
  if (!charge) return costs;
  const charged = of(charge);
  const find = (list: readonly PricedUnit[], name: string) => list.find(({ unit }) => unit === name);
  return [...new Set([...costs, ...charged].map(({ unit }) => unit))].map((unit) => {
    const [own, theirs] = [find(costs, unit), find(charged, unit)];
    const { count } = (own ?? theirs)!;
    return { unit, count, costNano: own?.costNano ?? 0n, priceNano: theirs?.costNano ?? 0n };
  });
}

/** An answer that was kept costs nothing, and is charged a share of the price it would have. */
export function asHit<Priced extends PricedAttempt>(priced: Priced, percent: number): Priced {
  const share = { numerator: BigInt(percent), denominator: 100n };
  const paid = <Item extends { costNano: bigint; priceNano?: bigint }>(item: Item): Item => ({
    ...item,
    costNano: 0n,
    priceNano: shareOf(item.priceNano ?? item.costNano, share),
  });
  const { version, currency } = priced.charge ?? {
    version: priced.priceVersion ?? 'none',
    currency: priced.currency,
  };
  return {
    ...priced,
    lines: priced.lines.map(paid),
    ...(priced.units ? { units: priced.units.map(paid) } : {}),
    charge: { version: `hit-${percent}%/${version}`, currency },
  };
}
