import { parsePercent } from '#core/money.ts';
import { sharePrice, type PriceSchedule } from '#core/price.ts';
import type { OpenProvider, ResolvedModel } from '#core/snapshot.ts';
import type { Provider, ProviderRecord, SignerUse, Target } from '#core/target.ts';
import { didYouMean, type Problems } from './problem.ts';
import { resolvePool } from './resolve-pool.ts';
import { resolveModelRetries } from './resolve-retries.ts';
import { resolveSigner } from './resolve-signer.ts';
import { clientTlsOf, http2Of } from './resolve-upstreams.ts';
import { parseDuration } from '#core/units.ts';
import { resolveTimeouts } from './resolve-timeouts.ts';
import type { ConfigDocument } from './schema.ts';
import type { ProviderSettings } from './schema-provider.ts';

/** Prices that are known without configuration. */
export interface PriceSource {
  find(priceList: string, model: string): PriceSchedule | null;
  /** All that is known of a provider, by model name. */
  all(priceList: string): Readonly<Record<string, PriceSchedule>>;
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
  const [secret, ...moreSecrets] = settings.apiKey === undefined ? [] : [settings.apiKey].flat();
  return {
    name,
    dialect: from.dialect,
    baseUrl: from.baseUrl.replace(/\/$/, ''),
    credential: settings.apiKey ? (from.record?.credential ?? bearer) : null,
    secret: secret ?? null,
    ...(moreSecrets.length > 0 ? { moreSecrets } : {}),
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
    ...paceOf(settings.pace),
    ...(settings.costTolerance === undefined ? {} : { costTolerance: parsePercent(settings.costTolerance) }),
  };
}

function paceOf(settings: ProviderSettings['pace']): Pick<Provider, 'pace'> {
  if (settings === undefined || settings === false) return {};
  const { wait = '10s', max = 100 } = settings === true ? {} : settings;
  return { pace: { waitMs: parseDuration(wait), max } };
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

export interface ModelScope {
  readonly providers: ReadonlyMap<string, KnownProvider>;
  readonly prices: ReadonlyMap<string, PriceSchedule>;
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

function seedOf(known: KnownProvider, scope: ModelScope): Readonly<Record<string, PriceSchedule>> {
  if (known.priceList === null) return {};
  const listed = Object.entries(scope.seed.all(known.priceList));
  return Object.fromEntries(listed.map(([model, schedule]) => [model, inBatches(known, schedule)!]));
}

/** List prices say nothing of batches; a provider's record does. */
function inBatches({ batchPercent }: KnownProvider, schedule: PriceSchedule | null): PriceSchedule | null {
  if (!schedule || batchPercent === 100) return schedule;
  const share = { numerator: BigInt(batchPercent), denominator: 100n };
  const rename = (version: string) => `${version}+batch`;
  return schedule.map((price) => ({
    ...price,
    batch: price.batch ?? { ...sharePrice(price, share, rename), serviceTier: 'batch' },
  }));
}

function ownPrices(
  prices: ReadonlyMap<string, PriceSchedule>,
  provider: string,
): Record<string, PriceSchedule> {
  const own: Record<string, PriceSchedule> = {};
  for (const [name, price] of prices) {
    if (name.startsWith(`${provider}/`)) own[name.slice(provider.length + 1)] = price;
  }
  return own;
}
