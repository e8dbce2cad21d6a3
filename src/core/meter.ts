import { headerOf, type HeaderList, type RequestHead } from './head.ts';
import { compileJsonPath, type JsonPath } from './json-path.ts';
import type { PriceSchedule } from './price.ts';
import { queryValues } from './query.ts';
import { isObject } from './read-json.ts';
import { tokenFigure } from './token-figure.ts';
import type { Usage } from './usage.ts';

/** How calls of an http route are billed. */
export interface MeterRules {
  /** Name of the price; what stands in a model's place on receipts. */
  readonly name: string;
  readonly price: PriceSchedule;
  readonly units: readonly MeteredUnit[];
  /** So much of an answer is read at once: of a whole one, or of one event of a stream. */
  readonly maxBodyBytes: number;
}

export interface MeteredUnit {
  readonly unit: string;
  readonly from: UnitSource;
  /** One unit is so much of what is said: 1024, where bytes are said and KiB are sold. */
  readonly per: number;
  /** Units that are reserved of limits before it is known how many they are. */
  readonly expected: number;
  /** No call uses more units: a figure above it is a mistake. A hard budget reserves as many. Null: nobody knows. */
  readonly most: number | null;
  /** Of a figure that is missing, or is none: `flag` charges nothing for it, `refuse` fails the call; or so many units. */
  readonly whenMissing: 'flag' | 'refuse' | number;
}

/** Where it stands how much was used. */
export type UnitSource =
  | ({ readonly in: 'answer' | 'request' } & Figure)
  | { readonly bytes: 'request' | 'answer' }
  | { readonly fixed: number };

type Figure =
  | { readonly header: string }
  /** Of the request alone. */
  | { readonly query: string }
  /** Steps of a JSON pointer. */
  | { readonly pointer: readonly string[] }
  /** A JSON path: what it leads to is a number, or several that are added up. */
  | { readonly json: string }
  /** A JSON path: what it leads to is counted; where that is one list, what is in the list. */
  | { readonly items: string };

/** The unit that needs no place: how long the upstream took. */
export const upstreamTime = 'upstream_ms';
/** Nor does this one: what the operations of a GraphQL request cost (core/graphql/cost-rules.ts). */
export const graphqlCost = 'graphql_cost';

/** Figures by unit, as they were said; what was not said is not in it. */
export type SaidFigures = Record<string, unknown>;

/** What is known when the answer is over. */
export interface MeteredCall {
  /** What request and answer have said. */
  readonly said: Readonly<SaidFigures>;
  readonly requestBytes: number;
  readonly answerBytes: number;
  readonly upstreamMs: number;
}

interface CompiledUnit extends MeteredUnit {
  /** Of a document; absent: it does not stand in one. */
  readonly read?: (document: unknown) => unknown;
}

/** Why a figure does not count. */
export const missingFlags = ['unit-missing', 'not-a-number', 'negative', 'implausible'] as const;

/** Reads how much was used, and says it in units that have prices. */
export class Meter {
  readonly name: string;
  readonly price: PriceSchedule;
  readonly maxBodyBytes: number;
  /** Is the body of answers, or of requests, to be read? */
  readonly readsAnswer: boolean;
  readonly readsRequest: boolean;
  readonly #units: readonly CompiledUnit[];
  readonly #isTimed: boolean;
  readonly #isByCost: boolean;

  /** @throws SyntaxError for a path that is none. */
  constructor({ name, price, units, maxBodyBytes }: MeterRules) {
    this.name = name;
    this.price = price;
    this.maxBodyBytes = maxBodyBytes;
    this.#units = units.map((unit) => ({ ...unit, ...readerOf(unit.from) }));
    this.readsAnswer = this.#units.some(({ from, read }) => read && 'in' in from && from.in === 'answer');
    this.readsRequest = this.#units.some(({ from, read }) => read && 'in' in from && from.in === 'request');
    const isPriced = (unit: string) =>
      price.some(({ units: own }) => own !== undefined && Object.hasOwn(own, unit));
    this.#isTimed = isPriced(upstreamTime);
    this.#isByCost = isPriced(graphqlCost);
  }

  /** What a request says. `document` is its body; undefined where that is no JSON, or was not read. */
  ofRequest({ headers, query }: RequestHead, document: unknown): SaidFigures {
    const said: SaidFigures = {};
    for (const { unit, from, read } of this.#units) {
      if (!('in' in from) || from.in !== 'request') continue;
      if ('header' in from) take(said, unit, numberOf(headerOf(headers, from.header)));
      else if ('query' in from) take(said, unit, numberOf(queryValues(query, from.query)[0]));
      else take(said, unit, document === undefined ? undefined : read!(document));
    }
    return said;
  }

  /** What the head of an answer says. */
  ofHead(headers: HeaderList): SaidFigures {
    const said: SaidFigures = {};
    for (const { unit, from } of this.#units)
      if ('in' in from && from.in === 'answer' && 'header' in from)
        take(said, unit, numberOf(headerOf(headers, from.header)));
    return said;
  }

  /**
   * Adds what a document of an answer says: its body, or one event of a stream. Of figures the last one counts, as streams sum up while
   * they flow; what is counted by its items is added.
   */
  addDocument(said: SaidFigures, document: unknown): void {
    for (const { unit, from, read } of this.#units) {
      if (!read || !('in' in from) || from.in !== 'answer') continue;
      const found = read(document);
      if ('items' in from && typeof found === 'number') said[unit] = Number(said[unit] ?? 0) + found;
      else take(said, unit, found);
    }
  }

  #costIn(said: Readonly<SaidFigures>): Record<string, number> {
    const cost = this.#isByCost ? said[graphqlCost] : undefined;
    return typeof cost === 'number' ? { [graphqlCost]: cost } : {};
  }

  /** The first unit that a call may not go without, and does not say (in its request, or its answer's head); null: none. */
  lacking(said: Readonly<SaidFigures>, where: 'request' | 'head' | 'answer'): string | null {
    for (const { unit, from, whenMissing, read, most } of this.#units) {
      if (whenMissing !== 'refuse' || !('in' in from) || from.in !== (where === 'request' ? where : 'answer'))
        continue;
      if (where === 'head' && read) continue;
      if (figureOf(said, unit, most, new Set()) === null) return unit;
    }
    return null;
  }

  /** Units that a call is expected to use, or that it uses at most, as far as its request tells. */
  expected(said: Readonly<SaidFigures>, requestBytes: number, atMost: boolean): Record<string, number> {
    const units = this.#costIn(said);
    for (const { unit, from, per, expected, most, whenMissing } of this.#units) {
      const isSaid = 'in' in from && from.in === 'request';
      if ('fixed' in from) units[unit] = from.fixed;
      else if ('bytes' in from && from.bytes === 'request') units[unit] = Math.ceil(requestBytes / per);
      else if (isSaid) {
        const figure = figureOf(said, unit, most, new Set());
        const assumed = typeof whenMissing === 'number' ? whenMissing : 0;
        units[unit] = figure === null ? assumed : Math.ceil(figure / per);
      } else units[unit] = atMost ? (most ?? expected) : expected;
    }
    return units;
  }

  /** What a call used. A figure that is missing, or is none, is flagged. */
  usage({ said, requestBytes, answerBytes, upstreamMs }: MeteredCall): Usage {
    const flags = new Set<string>();
    const raw: SaidFigures = {};
    const units = this.#costIn(said);
    if (this.#isTimed) units[upstreamTime] = Math.max(0, Math.round(upstreamMs));
    for (const { unit, from, per, most, whenMissing } of this.#units) {
      if ('fixed' in from) units[unit] = from.fixed;
      else if ('bytes' in from)
        units[unit] = Math.ceil((from.bytes === 'request' ? requestBytes : answerBytes) / per);
      else {
        if (Object.hasOwn(said, unit)) raw[unit] = said[unit];
        const figure = figureOf(said, unit, most, flags);
        if (figure !== null) units[unit] = Math.ceil(figure / per);
        else if (typeof whenMissing === 'number') {
          units[unit] = whenMissing;
          flags.add('unit-assumed');
        } else if (Object.hasOwn(said, unit)) units[unit] = 0;
      }
    }
    const isPartial = flags.size > 0;
    return { lines: [], source: isPartial ? 'provider_partial' : 'provider', raw, flags: [...flags], units };
  }
}

/** Null where it is missing, or none, which is flagged. */
function figureOf(
  said: Readonly<SaidFigures>,
  unit: string,
  most: number | null,
  flags: Set<string>,
): number | null {
  const value = Object.hasOwn(said, unit) ? said[unit] : undefined;
  if (value === undefined || value === null) {
    flags.add('unit-missing');
    return null;
  }
  if (most !== null && typeof value === 'number' && value > most) {
    flags.add('implausible');
    return null;
  }
  const odd = new Set<string>();
  const figure = tokenFigure({ [unit]: value }, unit, odd);
  for (const flag of odd) flags.add(flag);
  return odd.size === 0 || odd.has('fraction') ? figure : null;
}

function take(said: SaidFigures, unit: string, value: unknown): void {
  if (value !== undefined && value !== null) said[unit] = value;
}

/** A header that is no number is said as it came, and flagged. */
const numberOf = (text: string | undefined): unknown =>
  text !== undefined && /^-?\d{1,15}(\.\d{1,15})?$/.test(text.trim()) ? Number(text) : text;

function readerOf(from: UnitSource): Pick<CompiledUnit, 'read'> {
  if ('pointer' in from) return { read: (document) => at(document, from.pointer) };
  if ('json' in from) {
    const path = compileJsonPath(from.json);
    return { read: (document) => sumOf(path.read(document)) };
  }
  if ('items' in from) {
    const path = compileJsonPath(from.items);
    return { read: (document) => countOf(path, document) };
  }
  return {};
}

/** Of several that are not all numbers, the first that is none. */
function sumOf(values: readonly unknown[] | null): unknown {
  if (values === null || values.length <= 1) return values?.[0];
  let sum = 0;
  for (const value of values) {
    if (typeof value !== 'number') return value;
    sum += value;
  }
  return sum;
}

function countOf(path: JsonPath, document: unknown): number | undefined {
  const values = path.read(document);
  if (!values || values.length === 0) return undefined;
  const [only] = values;
  return values.length === 1 && Array.isArray(only) ? only.length : values.length;
}

function at(value: unknown, pointer: readonly string[]): unknown {
  for (const step of pointer) {
    if (Array.isArray(value)) value = /^(0|[1-9]\d{0,8})$/.test(step) ? value[Number(step)] : undefined;
    else value = isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined;
  }
  return value;
}
