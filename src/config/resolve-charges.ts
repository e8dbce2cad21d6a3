import type { ChargeBook, ChargeList, Markup } from '#core/charge.ts';
import { parsePercent } from '#core/money.ts';
import type { PriceSchedule } from '#core/price.ts';
import type { Path } from './places.ts';
import type { ChargeSettings } from './price-schema.ts';
import { didYouMean, type Problems } from './problem.ts';
import { checkOrder, checkProvider, digestOf, parseFrom, resolveSchedule } from './resolve-prices.ts';
import type { ConfigDocument } from './schema.ts';

interface Scope {
  readonly document: ConfigDocument;
  readonly problems: Problems;
}

/** What customers pay; null where nothing is said of it: what it costs. */
export function resolveCharges(document: ConfigDocument, problems: Problems): ChargeBook | null {
  const { charges } = document;
  if (!charges) return null;
  const scope = { document, problems };
  const lists = (kind: 'projects' | 'teams') => {
    const known = Object.keys(document[kind] ?? {});
    return Object.fromEntries(
      Object.entries(charges[kind] ?? {}).map(([name, settings]) => {
        const at = ['charges', kind, name];
        if (!known.includes(name))
          problems.add(at, `unknown ${kind.slice(0, -1)} "${name}"${didYouMean(name, known)}`);
        return [name, listOf(settings, at, scope)];
      }),
    );
  };
  return {
    projects: lists('projects'),
    teams: lists('teams'),
    all: charges.all ? listOf(charges.all, ['charges', 'all'], scope) : null,
  };
}

function listOf({ markup, prices }: ChargeSettings, at: Path, scope: Scope): ChargeList {
  const own: Record<string, PriceSchedule> = {};
  for (const [name, settings] of Object.entries(prices ?? {})) {
    const here = [...at, 'prices', name];
    checkProvider(name, here, scope);
    const schedule = resolveSchedule(settings, here, scope.problems);
    if (schedule) own[name] = schedule;
  }
  return { prices: own, markups: markup === undefined ? [] : markupsOf(markup, [...at, 'markup'], scope) };
}

function markupsOf(settings: NonNullable<ChargeSettings['markup']>, at: Path, { problems }: Scope): Markup[] {
  const versions = typeof settings === 'string' ? [{ markup: settings, from: undefined }] : settings;
  try {
    checkOrder(versions.map(({ from }) => from));
    return versions.map(({ from, markup }) => {
      const more = parsePercent(markup);
      const share = { numerator: more.denominator + more.numerator, denominator: more.denominator };
      const version = `markup/${digestOf(settings)}${from === undefined ? '' : `@${from}`}`;
      return { version, share, ...(from === undefined ? {} : { fromMs: parseFrom(from) }) };
    });
  } catch (error) {
    problems.add(at, (error as Error).message);
    return [];
  }
}
