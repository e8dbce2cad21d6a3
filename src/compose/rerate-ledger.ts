import { ControlError, type RerateReport, type RerateRequest } from '#core/contracts/control-plane.ts';
import { renderAmount } from '#core/money.ts';
import type { PriceSchedule } from '#core/price.ts';
import { priceKey, type PriceBook } from '#core/reprice.ts';
import { createModelIndex } from '#core/resolve-model.ts';
import type { Route, Snapshot } from '#core/snapshot.ts';
import type { Ledger } from '#ledger/store/start-ledger.ts';

/** Prices receipts of the past by the configuration in force, or by one version of a price, and books the difference. */
export async function rerateLedger(
  ledger: Ledger,
  snapshot: Snapshot,
  wish: RerateRequest,
): Promise<RerateReport> {
  const { fromMs, toMs, model, version, dryRun } = wish;
  await ledger.flush();
  const query = {
    ...(fromMs === null ? {} : { fromMs }),
    ...(toMs === null ? {} : { toMs }),
  };
  const used = await ledger.usage({
    groupBy: ['provider', 'model'],
    ...(fromMs === null ? {} : { fromDay: dayOf(fromMs) }),
    ...(toMs === null ? {} : { toDay: dayOf(toMs) }),
  });
  const book = bookFor(
    snapshot,
    used.map(({ group }) => ({ provider: group.provider ?? '', model: group.model ?? '' })),
    version,
  );
  if (version !== null && Object.keys(book.prices).length === 0)
    throw new ControlError(400, `No price that was used then has a version "${version}".`);
  const sums: Record<string, { costNano: bigint; priceNano: bigint }> = {};
  let [examined, corrected] = [0, 0];
  for (let after: string | null = ''; after !== null;) {
    const step = await ledger.rerate({ query, model, book, dryRun, after });
    examined += step.examined;
    corrected += step.corrected;
    for (const [currency, { costNano, priceNano }] of Object.entries(step.difference)) {
      const sum = (sums[currency] ??= { costNano: 0n, priceNano: 0n });
      sum.costNano += costNano;
      sum.priceNano += priceNano;
    }
    ({ after } = step);
  }
  const difference = Object.entries(sums).map(([currency, { costNano, priceNano }]) => ({
    currency,
    cost: renderAmount(costNano),
    price: renderAmount(priceNano),
  }));
  return { dryRun, examined, corrected, difference };
}

interface Used {
  readonly provider: string;
  readonly model: string;
}

/** The prices of what was used, as calls of today find them. */
function bookFor(snapshot: Snapshot, used: readonly Used[], version: string | null): PriceBook {
  const models = createModelIndex(snapshot);
  const meters = metersIn(snapshot.routes);
  const prices: Record<string, PriceSchedule> = {};
  const named: string[] = [];
  const add = (of: Used, schedule: PriceSchedule | null | undefined): void => {
    // A version that is asked for by name holds whatever the time.
    const chosen =
      version === null
        ? schedule
        : schedule?.filter((each) => each.version === version).map(({ fromMs: _from, ...each }) => each);
    const key = priceKey(of.provider, of.model);
    if (chosen && chosen.length > 0 && !Object.hasOwn(prices, key)) prices[key] = chosen;
  };
  for (const of of used) {
    if (Object.hasOwn(snapshot.providers, of.provider)) {
      add(of, models.find(`${of.provider}/${of.model}`)?.targets[0]?.price);
    } else if (meters.has(of.model)) {
      named.push(priceKey(of.provider, of.model));
      add(of, meters.get(of.model));
    }
  }
  // Answers may hold lines of other models of the same provider.
  const providers = new Set(used.map(({ provider }) => provider));
  for (const { provider, prices: own } of snapshot.openProviders)
    if (providers.has(provider.name))
      for (const [model, schedule] of Object.entries(own)) add({ provider: provider.name, model }, schedule);
  const tolerances = Object.values(snapshot.providers).flatMap(({ name, costTolerance }) =>
    costTolerance ? [[name, costTolerance] as const] : [],
  );
  return { prices, named, charges: snapshot.charges, tolerances: Object.fromEntries(tolerances) };
}

function metersIn(routes: readonly Route[]): Map<string, PriceSchedule> {
  const meters = new Map<string, PriceSchedule>();
  for (const route of routes) {
    if (route.kind === 'http' && route.meter) meters.set(route.meter.name, route.meter.price);
    if (route.kind === 'split')
      for (const [name, price] of metersIn(route.parts.map((part) => part.route))) meters.set(name, price);
  }
  return meters;
}

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
