/** Receipts of the past by the prices of a book as it is now. */
import { chargeFor, type ChargeBook } from './charge.ts';
import type { Ratio } from './money.ts';
import { priceAt, type PricedUsage, type PriceSchedule } from './price.ts';
import { priceFlags, priceUsage, type PricesOf } from './price-usage.ts';
import { isObject } from './read-json.ts';
import type { AttemptLine, Receipt } from './receipt.ts';
import type { Usage } from './usage.ts';

/** All prices that may be needed, as plain data. */
export interface PriceBook {
  /** By provider and model, as `priceKey` has them. What is not in it keeps its price. */
  readonly prices: Readonly<Record<string, PriceSchedule>>;
  /** Those of them that are of http routes, and so go by the price's own name. */
  readonly named: readonly string[];
  readonly charges: ChargeBook | null;
  /** By provider. */
  readonly tolerances: Readonly<Record<string, Ratio>>;
}

export const priceKey = (provider: string, model: string): string => `${provider}\n${model}`;

/** The receipt as it would be by the book; null where that is the same money. Of other models nothing changes. */
export function repriceReceipt(receipt: Receipt, book: PriceBook, model: string | null): Receipt | null {
  let changed = false;
  const attempts = receipt.attempts.map((attempt) => {
    if (model !== null && attempt.model !== model) return attempt;
    const repriced = repriceAttempt(attempt, receipt, book);
    if (repriced === null || sameMoney(attempt, repriced)) return attempt;
    changed = true;
    return repriced;
  });
  return changed ? { ...receipt, attempts } : null;
}

function repriceAttempt(
  attempt: AttemptLine,
  { subjects }: Receipt,
  { prices, named, charges, tolerances }: PriceBook,
): AttemptLine | null {
  const { provider, startedAtMs, serviceTier = null } = attempt;
  const use = { atMs: startedAtMs, serviceTier };
  const scheduleOf = (model: string): PriceSchedule | null => {
    const key = priceKey(provider, model);
    return Object.hasOwn(prices, key) ? prices[key]! : null;
  };
  if (!scheduleOf(attempt.model)) return null;
  const flags = attempt.flags.filter((flag) => !priceFlags.includes(flag));
  const pricing = {
    serviceTier,
    tolerance: Object.hasOwn(tolerances, provider) ? tolerances[provider] : undefined,
    prices: (other?: string) => {
      const model = other ?? attempt.model;
      const cost = priceAt(scheduleOf(model), use);
      const isNamed = named.includes(priceKey(provider, model));
      const names = isNamed ? [model] : [`${provider}/${model}`, `${provider}/*`];
      return { cost, charge: chargeFor(charges, { ...subjects, names }, { use, cost }) };
    },
  };
  if (isBatch(attempt) && !goesBySums(attempt, pricing.prices)) return null;
  const { charge: _charge, units: _units, reportedCostNano: _reported, ...rest } = attempt;
  const priced = priceUsage(usageOf(attempt), pricing, flags);
  return { ...rest, flags, ...priced, ...(isBatch(attempt) ? unitsOfBatch(attempt, priced) : {}) };
}

const isBatch = ({ flags }: AttemptLine): boolean => flags.includes('batch');

/**
 * The calls of a batch were priced one by one, and the receipt has their sums: by these a price can be said that is the same for each
 * token, whatever call it is of. By the price that they have the sums stay, since each call's amounts were rounded.
 */
function goesBySums({ lines, priceVersion, charge: charged }: AttemptLine, prices: PricesOf): boolean {
  const { cost, charge } = prices();
  if (cost?.version === priceVersion && charge?.version === charged?.version) return false;
  const models = new Set(lines.map(({ line }) => line.model));
  return [...models].every((model) => {
    const now = prices(model);
    return !now.cost?.tiers && !now.charge?.tiers;
  });
}

/** As many requests as there were answers. */
function unitsOfBatch({ rawUsage }: AttemptLine, { units }: PricedUsage): Pick<PricedUsage, 'units'> {
  const answers = isObject(rawUsage) ? Number(rawUsage['answers']) : 1;
  const times = BigInt(answers);
  if (!units) return {};
  return {
    units: units.map((one) =>
      one.unit === 'requests'
        ? {
            ...{ unit: one.unit, count: answers, costNano: one.costNano * times },
            ...(one.priceNano === undefined ? {} : { priceNano: one.priceNano * times }),
          }
        : one,
    ),
  };
}

function usageOf(attempt: AttemptLine): Usage | null {
  const { usageSource, lines, units = [], reportedCostNano } = attempt;
  if (usageSource === null) return null;
  // What was counted as a request is, or is not, by the price.
  const counted = units.filter(({ unit }) => unit !== 'requests').map(({ unit, count }) => [unit, count]);
  return {
    lines: lines.map(({ line }) => line),
    source: usageSource,
    raw: null,
    flags: [],
    ...(counted.length > 0 ? { units: Object.fromEntries(counted) as Record<string, number> } : {}),
    ...(reportedCostNano === undefined ? {} : { reportedCostNano }),
  };
}

/** Is as much owed, in the same currencies, for the same things? */
function sameMoney(before: AttemptLine, after: AttemptLine): boolean {
  const moneyOf = ({ currency, charge, lines, units = [] }: AttemptLine): string =>
    JSON.stringify([
      currency,
      charge?.currency ?? currency,
      ...lines.map(({ costNano, priceNano }) => [`${costNano}`, `${priceNano ?? costNano}`]),
      ...units.map(({ unit, count, costNano, priceNano }) => [
        ...[unit, count],
        ...[`${costNano}`, `${priceNano ?? costNano}`],
      ]),
    ]);
  return moneyOf(before) === moneyOf(after);
}
