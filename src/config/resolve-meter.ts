import { compileJsonPath } from '#core/json-path.ts';
import type { MeteredUnit, MeterRules, UnitSource } from '#core/meter.ts';
import type { PriceSchedule } from '#core/price.ts';
import { parseSize } from '#core/units.ts';
import { didYouMean } from './problem.ts';
import type { Add } from './resolve-match.ts';
import type { MeterSettings } from './schema-meter.ts';

type UnitSettings = NonNullable<MeterSettings['units']>[string];
type PlaceSettings = { header: string } | { query: string } | { json: string } | { items: string };

export function resolveMeter(
  { price: name, units = {}, maxBody = '1MiB' }: MeterSettings,
  prices: ReadonlyMap<string, PriceSchedule>,
  add: Add,
): MeterRules {
  const price = prices.get(name);
  if (!price) add('to.meter.price', `unknown price "${name}"${didYouMean(name, prices.keys())}`);
  return {
    name,
    price: price ?? [],
    units: Object.entries(units).map(([unit, settings]) =>
      resolveUnit(unit, settings, (message) => add(`to.meter.units.${unit}`, message)),
    ),
    maxBodyBytes: parseSize(maxBody),
  };
}

function resolveUnit(unit: string, settings: UnitSettings, fail: (message: string) => void): MeteredUnit {
  const bare = { unit, per: 1, expected: 1, most: null, whenMissing: 'flag' } as const;
  if ('fixed' in settings) return { ...bare, from: { fixed: settings.fixed } };
  const { per = 1, most = null } = settings;
  const missing = 'bytes' in settings ? undefined : settings.missing;
  const expected = settings.expected ?? (typeof missing === 'number' ? missing : 1);
  if (most !== null && expected > most) fail(`expected: ${expected} is more than "most", which is ${most}`);
  const rules = { unit, per, expected, most, whenMissing: missing ?? 'flag' };
  if ('bytes' in settings) return { ...rules, from: { bytes: settings.bytes } };
  return {
    ...rules,
    from:
      'request' in settings ? placeOf(settings.request, 'request', fail) : placeOf(settings, 'answer', fail),
  };
}

function placeOf(
  place: PlaceSettings,
  where: 'request' | 'answer',
  fail: (message: string) => void,
): UnitSource {
  if ('header' in place) return { in: where, header: place.header.toLowerCase() };
  if ('query' in place) return { in: where, query: place.query };
  if ('items' in place) return { in: where, items: checked(place.items, fail) };
  if (place.json.startsWith('$')) return { in: where, json: checked(place.json, fail) };
  return { in: where, pointer: place.json.split('/').slice(1).map(unescapeStep) };
}

/** RFC 6901 §4: in this order, so that `~01` is `~1`. */
const unescapeStep = (step: string): string => step.replaceAll('~1', '/').replaceAll('~0', '~');

/** A path that is none is said; what holds its place is never asked, as the configuration is refused. */
function checked(path: string, fail: (message: string) => void): string {
  try {
    return compileJsonPath(path).source;
  } catch (thrown) {
    fail(`"${path}" is no JSON path: ${(thrown as Error).message}`);
    return '$';
  }
}
