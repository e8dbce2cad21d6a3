import type { HeaderList } from './head.ts';
import { headerOf } from './head.ts';
import type { PriceSchedule } from './price.ts';
import { isObject } from './read-json.ts';
import { tokenFigure } from './token-figure.ts';
import type { Usage } from './usage.ts';

/** How answers of an http route are billed. */
export interface MeterRules {
  /** Name of the price; what stands in a model's place on receipts. */
  readonly name: string;
  readonly price: PriceSchedule;
  readonly units: readonly MeteredUnit[];
}

export type MeteredUnit = { readonly unit: string } & (
  | { readonly header: string }
  /** Steps of a JSON pointer. */
  | { readonly path: readonly string[] }
);

/** What an answer said, as far as it came. */
export interface MeteredAnswer {
  readonly headers: HeaderList;
  /** Null where it did not come whole, or was not read. */
  readonly body: Buffer | null;
  readonly upstreamMs: number;
}

/** The unit that needs no place: how long the upstream took. */
export const upstreamTime = 'upstream_ms';
/** Nor does this one: what the operations of a GraphQL request cost (core/graphql/cost-rules.ts). */
export const graphqlCost = 'graphql_cost';

export const readsBody = ({ units }: MeterRules): boolean => units.some((unit) => 'path' in unit);

const isTimed = ({ price }: MeterRules): boolean =>
  price.some(({ units }) => units !== undefined && Object.hasOwn(units, upstreamTime));

/** What an answer used. A figure that is missing, or is none, is not charged, and flagged. */
export function meterAnswer(rules: MeterRules, answer: MeteredAnswer): Usage {
  const flags = new Set<string>();
  const document = answer.body === null ? undefined : parse(answer.body);
  const raw: Record<string, unknown> = {};
  const units: Record<string, number> = isTimed(rules)
    ? { [upstreamTime]: Math.max(0, Math.round(answer.upstreamMs)) }
    : {};
  for (const each of rules.units) {
    const said = 'header' in each ? numberOf(headerOf(answer.headers, each.header)) : at(document, each.path);
    if (said === undefined || said === null) {
      flags.add('unit-missing');
      continue;
    }
    raw[each.unit] = said;
    units[each.unit] = tokenFigure({ [each.unit]: said }, each.unit, flags);
  }
  return {
    lines: [],
    source: flags.size > 0 ? 'provider_partial' : 'provider',
    raw,
    flags: [...flags],
    units,
  };
}

/** A header that is no number is said as it came, and flagged. */
const numberOf = (text: string | undefined): unknown =>
  text !== undefined && /^-?\d{1,15}(\.\d{1,15})?$/.test(text.trim()) ? Number(text) : text;

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

function at(value: unknown, path: readonly string[]): unknown {
  for (const step of path) {
    if (Array.isArray(value)) value = /^(0|[1-9]\d{0,8})$/.test(step) ? value[Number(step)] : undefined;
    else value = isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined;
  }
  return value;
}
