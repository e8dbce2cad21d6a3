import { createHash } from 'node:crypto';
import { parsePercent, parsePrice } from '#core/money.ts';
import { sharePrice, type PriceSchedule, type PriceVersion, type TokenPrices } from '#core/price.ts';
import { didYouMean, type Problems } from './problem.ts';
import type { Path } from './places.ts';
import type { PriceSettings, PriceVersionSettings, TierSettings, VariantSettings } from './price-schema.ts';
import type { ConfigDocument } from './schema.ts';

/** The document's own prices, by `provider/model` or by their names. */
export function resolvePrices(document: ConfigDocument, problems: Problems): Map<string, PriceSchedule> {
  const prices = new Map<string, PriceSchedule>();
  for (const [name, settings] of Object.entries(document.prices ?? {})) {
    checkProvider(name, ['prices', name], { document, problems });
    const schedule = resolveSchedule(settings, ['prices', name], problems);
    if (schedule) prices.set(name, schedule);
  }
  return prices;
}

/** A name with a slash begins with a provider's. */
export function checkProvider(
  name: string,
  at: Path,
  { document, problems }: { readonly document: ConfigDocument; readonly problems: Problems },
): void {
  if (!name.includes('/')) return;
  const provider = name.slice(0, name.indexOf('/'));
  const providers = Object.keys(document.providers ?? {});
  if (!providers.includes(provider))
    problems.add(at, `unknown provider "${provider}"${didYouMean(provider, providers)}`);
}

/** All versions of one price; null where something is wrong with them, which is said. */
export function resolveSchedule(settings: PriceSettings, at: Path, problems: Problems): PriceSchedule | null {
  const versions = Array.isArray(settings) ? settings : [settings];
  const digest = digestOf(settings);
  try {
    checkOrder(versions.map(({ from }) => from));
    return versions.map((version) => priceOf(version, `config/${digest}`));
  } catch (error) {
    problems.add(at, (error as Error).message);
    return null;
  }
}

/** The same settings always give the same name. */
export const digestOf = (settings: unknown): string =>
  createHash('sha256').update(JSON.stringify(settings)).digest('hex').slice(0, 12);

/** @throws RangeError for a day that is none, and for times out of order: only the first may be without one. */
export function checkOrder(times: readonly (string | undefined)[]): void {
  let before = -Infinity;
  for (const [i, time] of times.entries()) {
    if (time === undefined && i > 0) throw new RangeError(`expected "from" in version ${i + 1}`);
    const atMs = time === undefined ? -Infinity : parseFrom(time);
    if (i > 0 && atMs <= before) throw new RangeError(`expected versions by ascending "from", got ${time}`);
    before = atMs;
  }
}

/** @throws RangeError for what is no day, such as 2027-02-30. */
export function parseFrom(text: string): number {
  const day = Date.parse(text.slice(0, 10));
  const atMs = Date.parse(text);
  if (Number.isNaN(atMs) || new Date(day).toISOString().slice(0, 10) !== text.slice(0, 10))
    throw new RangeError(`expected a day of the calendar, got "${text}"`);
  return atMs;
}

/** @throws RangeError for amounts that are none or are missing, and for tiers out of order. */
function priceOf(settings: PriceVersionSettings, digest: string): PriceVersion {
  const { from, per, serviceTiers = {}, batch } = settings;
  // What has no price by the token is priced otherwise; half a price is a mistake.
  const isTokens = settings.input !== undefined || settings.output !== undefined;
  const isOther = settings.request !== undefined || settings.units !== undefined;
  if (isTokens ? settings.input === undefined || settings.output === undefined : !isOther)
    throw new RangeError('expected "input" and "output", or "request" or "units" alone');
  const base: PriceVersion = {
    version: from === undefined ? digest : `${digest}@${from}`,
    currency: settings.currency ?? 'USD',
    input: 0n,
    output: 0n,
    ...amountsOf(settings, per),
    ...(from === undefined ? {} : { fromMs: parseFrom(from) }),
  };
  const usual = withTiers(base, settings.tiers, per);
  const variants = Object.entries(serviceTiers).map(
    ([name, variant]) => [name, { ...variantOf(usual, { name, variant, per }), serviceTier: name }] as const,
  );
  return {
    ...usual,
    ...(variants.length > 0 ? { serviceTiers: Object.fromEntries(variants) } : {}),
    ...(batch === undefined
      ? {}
      : { batch: { ...variantOf(usual, { name: 'batch', variant: batch, per }), serviceTier: 'batch' } }),
  };
}

type Per = PriceVersionSettings['per'];

function variantOf(
  usual: PriceVersion,
  { name, variant, per }: { readonly name: string; readonly variant: VariantSettings; readonly per: Per },
): PriceVersion {
  const rename = (version: string) => `${version}+${name}`;
  if (typeof variant === 'string') return sharePrice(usual, parsePercent(variant), rename);
  const amounts = amountsOf(variant, per);
  const own = { ...usual, ...amounts, version: rename(usual.version) };
  if (variant.tiers) return withTiers(own, variant.tiers, per);
  const tiers = usual.tiers?.map(({ fromInputTokens, then }) => ({
    fromInputTokens,
    then: { ...then, ...amounts, version: rename(then.version) },
  }));
  return { ...own, ...(tiers ? { tiers } : {}) };
}

function withTiers(base: PriceVersion, settings: TierSettings[] | undefined, per: Per): PriceVersion {
  let before = 0;
  const tiers = (settings ?? []).map((tier) => {
    const fromInputTokens = Number(tier.fromInputTokens);
    if (fromInputTokens <= before) {
      throw new RangeError(
        `expected tiers by ascending fromInputTokens, got ${fromInputTokens} after ${before}`,
      );
    }
    before = fromInputTokens;
    const { tiers: _, ...rest } = base;
    const version = `${base.version}+${fromInputTokens}`;
    return { fromInputTokens, then: { ...rest, version, ...amountsOf(tier, per) } };
  });
  return tiers.length > 0 ? { ...base, tiers } : base;
}

/** Of what the document prices by the token; its `cacheWrite` is the shortest. */
const tokenClasses = [
  'input',
  'output',
  'cacheRead',
  'cacheReadAudio',
  'cacheReadImage',
  'cacheReadVideo',
  'cacheWrite30m',
  'cacheWrite1h',
  'cacheWrite12h',
  'toolInput',
  'reasoning',
  'prediction',
  'inputAudio',
  'inputImage',
  'inputVideo',
  'outputAudio',
  'outputImage',
  'outputVideo',
] as const satisfies readonly (keyof TokenPrices)[];

type Amounts = Exclude<VariantSettings, string> | TierSettings;

function amountsOf(settings: Amounts, per: Per): Partial<PriceVersion> {
  const each = (amount: string | number) => parsePrice(String(amount));
  const ofTokens = (amount: string | number) => (per === 'thousand' ? each(amount) * 1000n : each(amount));
  const amounts: { -readonly [name in keyof PriceVersion]?: PriceVersion[name] } = {};
  for (const name of tokenClasses) {
    const amount = settings[name];
    if (amount !== undefined) amounts[name] = ofTokens(amount);
  }
  if (settings.cacheWrite !== undefined) amounts.cacheWrite5m = ofTokens(settings.cacheWrite);
  if ('request' in settings && settings.request !== undefined) amounts.perRequest = each(settings.request);
  if ('units' in settings && settings.units !== undefined)
    amounts.units = Object.fromEntries(
      Object.entries(settings.units).map(([unit, amount]) => [unit, each(amount)]),
    );
  return amounts;
}
