import { chargeFor } from '#core/charge.ts';
import type { AttemptRecord, Exchange } from '#core/exchange.ts';
import { priceAt, type PriceUse } from '#core/price.ts';
import type { AttemptPrices, PricesOf } from '#core/price-usage.ts';
import type { Subjects } from '#core/receipt.ts';
import type { Target } from '#core/target.ts';
import type { Usage } from '#core/usage.ts';
import type { Gateway } from './gateway.ts';
import type { Passage } from './passage.ts';

/** Words for what is served as usual. */
const usualTiers = new Set(['auto', 'default', 'standard', 'standard_only', 'on_demand']);

/** How an attempt was served, as the provider said, else as it was asked to; null: as usual. */
export function tierServed(
  { brief, dialectName }: Pick<Exchange, 'brief' | 'dialectName'>,
  { provider }: Target,
  served: string | undefined,
): string | null {
  // Another dialect does not carry the wish.
  const asked = provider.dialect === dialectName ? brief?.serviceTier : undefined;
  const tier = served ?? asked;
  return tier === undefined || usualTiers.has(tier) ? null : tier;
}

/** A word for: as the account there is set. So is no word at all. */
const openTier = 'auto';

/**
 * How a provider may serve a call otherwise than was asked. A wish may be turned down; of a call without one the account decides,
 * which nobody here knows, so that all that have a price must be thought of. `usual`: its prices served as usual.
 */
export function waysToServe(
  { brief, dialectName }: Pick<Exchange, 'brief' | 'dialectName'>,
  { provider }: Target,
  { cost, charge }: AttemptPrices,
): Omit<PriceUse, 'atMs'>[] {
  const asked = provider.dialect === dialectName ? brief?.serviceTier : undefined;
  if (asked !== undefined && asked !== openTier) return [{}];
  const tiers = new Set([
    ...Object.keys(cost?.serviceTiers ?? {}),
    ...Object.keys(charge?.serviceTiers ?? {}),
  ]);
  return Array.from(tiers, (serviceTier) => ({ serviceTier }));
}

/** Where nothing was called that has a price, all is null. */
export function pricesOfAttempt(
  passage: Passage,
  { target, startedAtMs, servedTier }: AttemptRecord,
  usage: Usage | null,
): PricesOf {
  const { exchange, gateway } = passage;
  if (!target) return () => meteredPrices(passage, startedAtMs);
  const use = {
    atMs: startedAtMs,
    serviceTier: tierServed(exchange, target, usage?.serviceTier ?? servedTier),
  };
  const { project = '', team = '' } = exchange.consumer ?? {};
  return pricesOf(gateway, target, { use, subjects: { project, team } });
}

/** Of a call that is billed by the meter of its route. */
export function meteredPrices(passage: Passage, atMs: number): AttemptPrices {
  const { meter } = passage.route;
  if (!meter) return { cost: null, charge: null };
  const use = { atMs };
  const cost = priceAt(meter.price, use);
  const { project = '', team = '' } = passage.exchange.consumer ?? {};
  const charged = { project, team, names: [meter.name] };
  return { cost, charge: chargeFor(passage.gateway.snapshot.charges, charged, { use, cost }) };
}

export function pricesOf(
  { models, snapshot }: Pick<Gateway, 'models' | 'snapshot'>,
  target: Target,
  { use, subjects }: { readonly use: PriceUse; readonly subjects: Pick<Subjects, 'project' | 'team'> },
): PricesOf {
  const provider = target.provider.name;
  return (other) => {
    const model = other ?? target.model;
    const schedule =
      other === undefined ? target.price : (models.find(`${provider}/${other}`)?.targets[0]?.price ?? null);
    const cost = priceAt(schedule, use);
    const names = [`${provider}/${model}`, `${provider}/*`];
    const charge = chargeFor(snapshot.charges, { ...subjects, names }, { use, cost });
    return { cost, charge };
  };
}
