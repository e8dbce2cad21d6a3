import { createHash } from 'node:crypto';
import { parsePrice, type NanoPerMillion } from '#core/money.ts';
import { shareOf, type PriceVersion } from '#core/price.ts';
import type { OpenProvider, ResolvedModel } from '#core/snapshot.ts';
import type { Provider, ProviderRecord, SignerUse, Target } from '#core/target.ts';
import { didYouMean, type Problems } from './problem.ts';
import { resolvePool } from './resolve-pool.ts';
import { resolveModelRetries } from './resolve-retries.ts';
import { resolveSigner } from './resolve-signer.ts';
import { clientTlsOf, http2Of } from './resolve-upstreams.ts';
import { resolveTimeouts } from './resolve-timeouts.ts';
import type { PriceSettings } from './price-schema.ts';
import type { ConfigDocument, ProviderSettings } from './schema.ts';

/** Prices that are known without configuration. */
export interface PriceSource {
  find(priceList: string, model: string): PriceVersion | null;
  /** All that is known of a provider, by model name. */
  all(priceList: string): Readonly<Record<string, PriceVersion>>;
}

export interface KnownProvider {
  readonly provider: Provider;
  /** Its id in the seed of prices; null: nothing is known of its prices. */
  readonly priceList: string | null;
  /** What batches cost of list prices, in percent. */
  readonly batchPercent: number;
  readonly models: readonly string[];
  readonly prefixes: readonly string[];
  readonly defaultMaxOutputTokens: number;
}

export function resolveProviders(
  document: ConfigDocument,
  catalog: ReadonlyMap<string, ProviderRecord>,
  problems: Problems,
): Map<string, KnownProvider> {
  const known = new Map<string, KnownProvider>();
  for (const [name, settings] of Object.entries(document.providers ?? {})) {
    const at = ['providers', name];
    const record = catalog.get(settings.kind ?? name);
    if (settings.kind && !record)
      problems.add(
        [...at, 'kind'],
        `unknown kind "${settings.kind}"${didYouMean(settings.kind, catalog.keys())}`,
      );
    const dialect = settings.dialect ?? record?.dialect;
    const signing = resolveSigner(settings, record, { at, problems });
    const baseUrl = settings.baseUrl ?? signing.baseUrl ?? record?.baseUrl;
    if (!dialect || !baseUrl) {
      problems.add(
        at,
        signing.missing ??
          `expected "dialect" and "baseUrl", as no record of the catalogue has this name${didYouMean(name, catalog.keys())}`,
      );
      continue;
    }
    if (!settings.apiKey && !signing.signer && record?.credential && !settings.baseUrl) {
      problems.add(at, `expected "apiKey", such as \${env:${record.variable ?? 'NAME'}}`);
    }
    known.set(name, {
      provider: providerOf(name, settings, { record, dialect, baseUrl, signer: signing.signer }),
      priceList: record?.priceList ?? null,
      batchPercent: record?.batchPercent ?? 100,
      models: settings.models ?? record?.models ?? [],
      prefixes: settings.prefixes ?? record?.modelPrefixes ?? [],
      defaultMaxOutputTokens: settings.defaultMaxOutputTokens ?? 4096,
    });
  }
  return known;
}

function providerOf(
  name: string,
  settings: ProviderSettings,
  from: {
    record: ProviderRecord | undefined;
    dialect: string;
    baseUrl: string;
    signer: SignerUse | null;
  },
): Provider {
  const bearer = { header: 'authorization', prefix: 'Bearer ' };
  const { maxTokensField, asksUsage } = settings;
  return {
    name,
    dialect: from.dialect,
    baseUrl: from.baseUrl.replace(/\/$/, ''),
    credential: settings.apiKey ? (from.record?.credential ?? bearer) : null,
    secret: settings.apiKey ?? null,
    signer: from.signer,
    speaks: spokenBy(settings, from),
    headers: Object.entries(settings.headers ?? {}).flatMap(([header, value]) => [
      header.toLowerCase(),
      value,
    ]),
    quirks: {
      ...from.record?.quirks,
      ...(maxTokensField === undefined ? {} : { maxTokensField }),
      ...(asksUsage === undefined ? {} : { asksUsage }),
    },
    timeouts: resolveTimeouts(settings.timeouts, '300s'),
    proxy: settings.proxy ?? null,
    http2: http2Of(settings.http2),
    tls: clientTlsOf(settings.tls),
  };
}

/** A configured list replaces that of the record: another address need not speak all that the provider does. */
function spokenBy(
  settings: ProviderSettings,
  { record, baseUrl }: { record: ProviderRecord | undefined; baseUrl: string },
): Provider['speaks'] {
  const bearer = { header: 'authorization', prefix: 'Bearer ' };
  const elsewhere = settings.baseUrl !== undefined || settings.dialect !== undefined;
  const spoken = settings.speaks ?? (elsewhere ? [] : (record?.speaks ?? []));
  return spoken.map((also) => ({
    dialect: also.dialect,
    baseUrl: (also.baseUrl ?? baseUrl).replace(/\/$/, ''),
    credential: settings.apiKey
      ? (('credential' in also ? also.credential : null) ?? record?.credential ?? bearer)
      : null,
  }));
}

/** The document's own prices, by `provider/model`. */
export function resolvePrices(document: ConfigDocument, problems: Problems): Map<string, PriceVersion> {
  const prices = new Map<string, PriceVersion>();
  for (const [name, settings] of Object.entries(document.prices ?? {})) {
    const provider = name.slice(0, name.indexOf('/'));
    const providers = Object.keys(document.providers ?? {});
    if (!providers.includes(provider)) {
      problems.add(['prices', name], `unknown provider "${provider}"${didYouMean(provider, providers)}`);
    }
    try {
      prices.set(name, priceOf(settings));
    } catch (error) {
      problems.add(['prices', name], (error as Error).message);
    }
  }
  return prices;
}

type TierSettings = NonNullable<PriceSettings['tiers']>[number];

/** @throws RangeError for an amount that is none, and for tiers out of order. */
function priceOf(settings: PriceSettings): PriceVersion {
  const digest = createHash('sha256').update(JSON.stringify(settings)).digest('hex').slice(0, 12);
  const each = (amount: string | number) => parsePrice(String(amount));
  const base: PriceVersion = {
    version: `config/${digest}`,
    currency: settings.currency ?? 'USD',
    input: 0n,
    output: 0n,
    ...tokenPrices(settings, settings.per),
    ...(settings.request === undefined ? {} : { perRequest: each(settings.request) }),
    ...(settings.units ? { units: mapValues(settings.units, each) } : {}),
  };
  let before = 0;
  const tiers = (settings.tiers ?? []).map((tier) => {
    const fromInputTokens = Number(tier.fromInputTokens);
    if (fromInputTokens <= before) {
      throw new RangeError(
        `expected tiers by ascending fromInputTokens, got ${fromInputTokens} after ${before}`,
      );
    }
    before = fromInputTokens;
    const version = `${base.version}+${fromInputTokens}`;
    return { fromInputTokens, then: { ...base, version, ...tokenPrices(tier, settings.per) } };
  });
  const price = tiers.length ? { ...base, tiers } : base;
  const { batch } = settings;
  if (batch === undefined) return price;
  // Hundredths of a percent: as the schema has it, there are two places at most.
  if (typeof batch === 'string')
    return { ...price, batch: shareOf(price, parsePrice(batch.slice(0, -1)) / 10_000_000n) };
  return {
    ...price,
    batch: { ...base, version: `${base.version}+batch`, ...tokenPrices(batch, settings.per) },
  };
}

function tokenPrices(
  settings: Partial<PriceSettings> | TierSettings,
  per: PriceSettings['per'],
): Partial<Record<'input' | 'output' | 'cacheRead', NanoPerMillion>> {
  const { input, output, cacheRead, cacheWrite, cacheWrite1h, reasoning } = settings;
  const { inputAudio, outputAudio, inputImage, outputImage } = settings;
  const amounts = {
    ...{ input, output, cacheRead, cacheWrite5m: cacheWrite, cacheWrite1h },
    ...{ reasoning, inputAudio, outputAudio, inputImage, outputImage },
  };
  const given = Object.entries(amounts).filter((entry) => entry[1] !== undefined);
  return mapValues(Object.fromEntries(given) as Record<string, string | number>, (amount) => {
    const price = parsePrice(String(amount));
    return per === 'thousand' ? price * 1000n : price;
  });
}

const mapValues = <V, W>(record: Readonly<Record<string, V>>, map: (value: V) => W): Record<string, W> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));

export interface ModelScope {
  readonly providers: ReadonlyMap<string, KnownProvider>;
  readonly prices: ReadonlyMap<string, PriceVersion>;
  readonly seed: PriceSource;
}

export function resolveModels(
  document: ConfigDocument,
  scope: ModelScope,
  problems: Problems,
): { models: Record<string, ResolvedModel>; openProviders: OpenProvider[] } {
  const models = new Map<string, ResolvedModel>();
  for (const [name, settings] of Object.entries(document.models ?? {})) {
    const namesake = name.slice(0, Math.max(0, name.indexOf('/')));
    if (scope.providers.has(namesake))
      problems.add(['models', name], `reads as a model of the provider "${namesake}"; give it another name`);
    const entries = settings.targets.map((entry) => (typeof entry === 'string' ? { target: entry } : entry));
    const targets = entries.map(({ target }, i) => {
      const slash = target.indexOf('/');
      const known = scope.providers.get(target.slice(0, slash));
      if (known) return targetOf(known, target.slice(slash + 1), scope);
      const given = target.slice(0, slash);
      problems.add(
        ['models', name, 'targets', i],
        `unknown provider "${given}"${didYouMean(given, scope.providers.keys())}`,
      );
      return null;
    });
    models.set(name, {
      name,
      listed: true,
      countedAs: name,
      knownAs: [name],
      targets: targets.filter((target) => target !== null),
      pool: resolvePool({
        balance:
          settings.strategy === undefined || settings.strategy === 'fallback'
            ? 'ordered'
            : settings.strategy === 'latency'
              ? 'peak-ewma'
              : settings.strategy,
        hashBy: { kind: 'prompt-prefix' },
        fields: settings,
        passive: settings.health?.passive,
      }),
      shares: entries.map(({ weight = 1, priority = 0 }) => ({ weight, priority })),
      ...(settings.continue ? { continues: true as const } : {}),
      ...(settings.retries
        ? { retries: resolveModelRetries(settings.retries, settings.targets.length) }
        : {}),
    });
  }
  listProviderModels(models, scope);
  const openProviders = [...scope.providers.values()].map((known) => ({
    provider: known.provider,
    modelPrefixes: known.prefixes,
    defaultMaxOutputTokens: known.defaultMaxOutputTokens,
    prices: { ...seedOf(known, scope), ...ownPrices(scope.prices, known.provider.name) },
  }));
  return { models: Object.fromEntries(models), openProviders };
}

/**
 * Listed models go by their bare names too, unless an alias has the name, two providers list it, or it has a slash: such
 * a name would read as another provider's.
 */
function listProviderModels(models: Map<string, ResolvedModel>, scope: ModelScope): void {
  const listings = new Map<string, number>();
  for (const { models: names } of scope.providers.values())
    for (const name of new Set(names)) listings.set(name, (listings.get(name) ?? 0) + 1);
  const aliases = new Set(models.keys());
  for (const known of scope.providers.values()) {
    for (const model of new Set(known.models)) {
      const targets = [targetOf(known, model, scope)];
      const full = `${known.provider.name}/${model}`;
      const bare = !aliases.has(model) && listings.get(model) === 1 && !model.includes('/');
      const shared = { countedAs: full, knownAs: [model, full], targets };
      if (bare) models.set(model, { name: model, listed: true, ...shared });
      models.set(full, { name: full, listed: !bare, ...shared });
    }
  }
}

function targetOf(known: KnownProvider, model: string, scope: ModelScope): Target {
  const own =
    scope.prices.get(`${known.provider.name}/${model}`) ?? scope.prices.get(`${known.provider.name}/*`);
  return {
    provider: known.provider,
    model,
    price:
      own ?? (known.priceList === null ? null : inBatches(known, scope.seed.find(known.priceList, model))),
    defaultMaxOutputTokens: known.defaultMaxOutputTokens,
  };
}

function seedOf(known: KnownProvider, scope: ModelScope): Readonly<Record<string, PriceVersion>> {
  if (known.priceList === null) return {};
  return mapValues(scope.seed.all(known.priceList), (price) => inBatches(known, price)!);
}

const inBatches = ({ batchPercent }: KnownProvider, price: PriceVersion | null): PriceVersion | null =>
  price && batchPercent < 100 ? { ...price, batch: shareOf(price, BigInt(batchPercent * 100)) } : price;

function ownPrices(
  prices: ReadonlyMap<string, PriceVersion>,
  provider: string,
): Record<string, PriceVersion> {
  const own: Record<string, PriceVersion> = {};
  for (const [name, price] of prices) {
    if (name.startsWith(`${provider}/`)) own[name.slice(provider.length + 1)] = price;
  }
  return own;
}
