import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import type { ConditionalPrice, ModelPrice, TieredPrices } from '@pydantic/genai-prices';
import type { PriceSchedule, PriceVersion, TokenPrices } from '#core/price.ts';
import { mapPrice, mapPriceOfThousand } from './nano-price.ts';

const dataPackage = '@pydantic/genai-prices';

export interface SeedPrices {
  /** Of the data, as it stands in the names of price versions: `seed-0.1.8`. */
  readonly version: string;
  /**
   * All versions of a price, null where none is known. `providerHint` is the provider's id in the data or the URL its API is
   * called at; null searches by the model's name alone.
   */
  find(providerHint: string | null, model: string): PriceSchedule | null;
  /** The prices of all models of one provider, by their ids in the data. */
  all(providerId: string): Record<string, PriceSchedule>;
}

type PriceField = keyof TokenPrices;

/** Our classes in the data's words. What it prices besides (images, searches, hours) is not priced by token here. */
const fields: readonly (readonly [PriceField, string])[] = [
  ['input', 'input_mtok'],
  ['output', 'output_mtok'],
  ['cacheRead', 'cache_read_mtok'],
  ['cacheWrite5m', 'cache_write_mtok'],
  ['cacheWrite1h', 'cache_write_1h_mtok'],
  ['reasoning', 'output_reasoning_mtok'],
  ['inputAudio', 'input_audio_mtok'],
  ['outputAudio', 'output_audio_mtok'],
];

/**
 * Loads the prices that come with the gateway: close to a megabyte, so once, on the main thread, and only if wanted.
 * They are a start; prices of the configuration go before them.
 */
export async function seedPrices(): Promise<SeedPrices> {
  const { calcPrice, findProvider } = await import('@pydantic/genai-prices');
  const version = `seed-${readVersion()}`;
  return {
    version,
    find(providerHint, model) {
      // Asked for the price of nothing: only its search for the model is wanted, its arithmetic is on floats.
      const found = calcPrice({}, model, providerHint === null ? {} : optionsFor(providerHint));
      return found && mapSchedule(`${version}/${found.provider.id}/${found.model.id}`, found.model.prices);
    },
    all(providerId) {
      const prices: Record<string, PriceSchedule> = {};
      for (const model of findProvider({ providerId })?.models ?? []) {
        const schedule = mapSchedule(`${version}/${providerId}/${model.id}`, model.prices);
        if (schedule) prices[model.id] = schedule;
      }
      return prices;
    },
  };
}

const optionsFor = (hint: string): { providerApiUrl: string } | { providerId: string } =>
  hint.includes('://') ? { providerApiUrl: hint } : { providerId: hint };

function readVersion(): string {
  const path = findPackageJSON(dataPackage, import.meta.url)!;
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}

interface InForce {
  readonly price: ModelPrice;
  /** Tells the versions of one model apart. */
  readonly suffix: string;
}

/** A version for each day on which the price changes; null where nothing is ever priced by the token or the request. */
export function mapSchedule(name: string, prices: ConditionalPrice[] | ModelPrice): PriceSchedule | null {
  const days = Array.isArray(prices) ? prices.map(startOf) : [];
  const versions: PriceVersion[] = [];
  for (const fromMs of new Set([-Infinity, ...days.sort((a, b) => a - b)])) {
    const { price, suffix } = inForceAt(prices, fromMs);
    const version = mapPriceVersion(name + suffix, price);
    if (version) versions.push(fromMs === -Infinity ? version : { ...version, fromMs });
  }
  return versions.length > 0 ? versions : null;
}

const startOf = ({ constraint }: ConditionalPrice): number =>
  constraint?.type === 'start_date' ? Date.parse(constraint.start_date) : -Infinity;

/**
 * The price at a time. Prices that change with the hour cannot be told apart here: of those the dearest counts, because a
 * budget must not be passed.
 */
export function inForceAt(prices: ConditionalPrice[] | ModelPrice, atMs: number): InForce {
  if (!Array.isArray(prices)) return { price: prices, suffix: '' };
  let inForce: InForce = { price: prices[0]?.prices ?? {}, suffix: '' };
  let since = -Infinity;
  for (const { constraint, prices: price } of prices) {
    if (constraint?.type === 'time_of_date') continue;
    const from = constraint ? Date.parse(constraint.start_date) : -Infinity;
    if (from > atMs || from < since) continue;
    since = from;
    inForce = { price, suffix: constraint ? `@${constraint.start_date}` : '' };
  }
  for (const { constraint, prices: price } of prices) {
    if (constraint?.type !== 'time_of_date') continue;
    if (outputOf(price) > outputOf(inForce.price)) inForce = { price, suffix: `${inForce.suffix}@peak` };
  }
  return inForce;
}

const outputOf = (price: ModelPrice): number => priceFrom(price, 'output_mtok', 0) ?? 0;

/** Null where nothing is priced by the token or the request. */
export function mapPriceVersion(version: string, price: ModelPrice): PriceVersion | null {
  const base = mapFields(version, price, 0);
  if (!base) return null;
  const starts = new Set<number>();
  for (const [, field] of fields) {
    const value = price[field];
    if (isTiered(value)) for (const tier of value.tiers) starts.add(tier.start);
  }
  if (starts.size === 0) return base;
  // The data's tiers hold above `start`, ours from `fromInputTokens` on.
  const tiers = [...starts]
    .sort((a, b) => a - b)
    .map((start) => ({
      fromInputTokens: start + 1,
      then: mapFields(`${version}+${start + 1}`, price, start + 1)!,
    }));
  return { ...base, tiers };
}

function mapFields(version: string, price: ModelPrice, inputTokens: number): PriceVersion | null {
  const perThousand = priceFrom(price, 'requests_kcount', inputTokens);
  const known: Partial<Record<PriceField, bigint>> = {};
  for (const [name, field] of fields) {
    const value = priceFrom(price, field, inputTokens);
    if (value !== undefined) known[name] = mapPrice(value);
  }
  if (known.input === undefined && known.output === undefined && perThousand === undefined) return null;
  const perRequest = perThousand === undefined ? {} : { perRequest: mapPriceOfThousand(perThousand) };
  return { version, currency: 'USD', input: 0n, output: 0n, ...known, ...perRequest };
}

function priceFrom(price: ModelPrice, field: string, inputTokens: number): number | undefined {
  const value = price[field];
  if (!isTiered(value)) return value;
  return value.tiers.reduce((chosen, tier) => (inputTokens > tier.start ? tier.price : chosen), value.base);
}

const isTiered = (value: number | TieredPrices | undefined): value is TieredPrices =>
  typeof value === 'object';
