import { parseJsonPath, type JsonSegment, type JsonSelector } from './parse-json-path.ts';

/** A value that a path leads to, and where it stands: there it can be written, or removed. */
export interface JsonPlace {
  /** What it stands in; null of the document itself. */
  readonly parent: Record<string, unknown> | unknown[] | null;
  /** Its name or its index there; empty of the document itself. */
  readonly key: string | number;
  readonly value: unknown;
}

export interface JsonPath {
  /** As it was written. */
  readonly source: string;
  /**
   * The names and indexes of a path that leads to one value at most; null of one that may lead to more. An index counts from the end
   * where it is negative.
   */
  readonly steps: readonly (string | number)[] | null;
  /**
   * Where it leads to in a document as JSON.parse gives it, in the document's order (RFC 9535 §2.1.2): a place may come twice where
   * the path asks for it twice. Empty where it leads nowhere; null where that is more than `maxMatches`, or takes more than
   * `maxVisits` to find out.
   */
  find(document: unknown): readonly JsonPlace[] | null;
  /** The values there; null as of `find`. */
  read(document: unknown): readonly unknown[] | null;
}

/** Places that a path may lead to at once. */
export const maxMatches = 10_000;
/** Values that are looked at on the way: a path of many wildcards takes more steps than there are values. */
export const maxVisits = 200_000;

/** @throws SyntaxError saying what was expected, what came, and where. */
export function compileJsonPath(source: string): JsonPath {
  const segments = parseJsonPath(source);
  const steps = stepsOf(segments);
  const find = (document: unknown): readonly JsonPlace[] | null =>
    steps ? placeAt(document, steps) : new Walk(segments).from(document);
  return {
    source,
    steps,
    find,
    read: (document) => find(document)?.map(({ value }) => value) ?? null,
  };
}

function stepsOf(segments: readonly JsonSegment[]): (string | number)[] | null {
  const steps: (string | number)[] = [];
  for (const { selectors, descends } of segments) {
    const [only] = selectors;
    if (descends || selectors.length !== 1) return null;
    if ('name' in only!) steps.push(only.name);
    else if ('index' in only!) steps.push(only.index);
    else return null;
  }
  return steps;
}

function placeAt(document: unknown, steps: readonly (string | number)[]): JsonPlace[] {
  let place: JsonPlace | null = root(document);
  for (const step of steps) {
    place = childAt(place.value, step);
    if (!place) return [];
  }
  return [place];
}

const root = (document: unknown): JsonPlace => ({ parent: null, key: '', value: document });

function childAt(value: unknown, step: string | number): JsonPlace | null {
  if (typeof step === 'string') {
    const isThere = isRecord(value) && Object.hasOwn(value, step);
    return isThere ? { parent: value, key: step, value: value[step] } : null;
  }
  if (!Array.isArray(value)) return null;
  const list: unknown[] = value;
  const index = step < 0 ? list.length + step : step;
  return index >= 0 && index < list.length ? { parent: list, key: index, value: list[index] } : null;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Thrown and caught here alone. */
class TooMuch extends Error {}

/** One search of a path. */
class Walk {
  readonly #segments: readonly JsonSegment[];
  #visits = 0;

  constructor(segments: readonly JsonSegment[]) {
    this.#segments = segments;
  }

  from(document: unknown): JsonPlace[] | null {
    let places = [root(document)];
    try {
      for (const segment of this.#segments) places = this.#step(places, segment);
      return places.length > maxMatches ? null : places;
    } catch (thrown) {
      if (thrown instanceof TooMuch) return null;
      throw thrown;
    }
  }

  #step(places: readonly JsonPlace[], { selectors, descends }: JsonSegment): JsonPlace[] {
    const found: JsonPlace[] = [];
    for (const { value } of places) {
      if (!descends) this.#select(value, selectors, found);
      else for (const each of this.#within(value)) this.#select(each, selectors, found);
    }
    return found;
  }

  /** A value, and all that is within it, before what comes after it. Without recursion: a stranger decides how deep this is. */
  *#within(value: unknown): Generator<unknown> {
    const open = [value];
    while (open.length > 0) {
      const next = open.pop();
      yield next;
      const children: unknown[] = isRecord(next) ? Object.values(next) : Array.isArray(next) ? next : [];
      for (let i = children.length - 1; i >= 0; i--) {
        this.#visit();
        open.push(children[i]);
      }
    }
  }

  #select(value: unknown, selectors: readonly JsonSelector[], found: JsonPlace[]): void {
    for (const selector of selectors) {
      this.#visit();
      if ('name' in selector) this.#take(childAt(value, selector.name), found);
      else if ('index' in selector) this.#take(childAt(value, selector.index), found);
      else if ('all' in selector) this.#takeAll(value, found);
      else if (Array.isArray(value))
        for (const index of indexesOf(selector, value.length)) this.#take(childAt(value, index), found);
    }
  }

  #takeAll(value: unknown, found: JsonPlace[]): void {
    if (Array.isArray(value)) for (let i = 0; i < value.length; i++) this.#take(childAt(value, i), found);
    else if (isRecord(value)) for (const name of Object.keys(value)) this.#take(childAt(value, name), found);
  }

  #take(place: JsonPlace | null, found: JsonPlace[]): void {
    if (!place) return;
    this.#visit();
    found.push(place);
  }

  #visit(): void {
    if (++this.#visits > maxVisits) throw new TooMuch();
  }
}

/** RFC 9535 §2.3.4.2.2. */
function* indexesOf(
  { start, end, step }: Extract<JsonSelector, { step: number }>,
  length: number,
): Generator<number> {
  const within = (index: number, low: number, high: number): number =>
    Math.min(Math.max(index < 0 ? length + index : index, low), high);
  if (step > 0) {
    const upper = within(end ?? length, 0, length);
    for (let i = within(start ?? 0, 0, length); i < upper; i += step) yield i;
  } else if (step < 0) {
    // What is left out is before the first; a negative number that is given counts from the end.
    const lower = end === null ? -1 : within(end, -1, length - 1);
    for (let i = within(start ?? length - 1, -1, length - 1); i > lower; i += step) yield i;
  }
}
