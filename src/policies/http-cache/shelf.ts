import type { AnswerCache, Found } from '#core/contracts/answer-cache.ts';
import { pathMarks, tagMark, uriMark } from '#core/cache-marks.ts';
import type { Exchange } from '#core/exchange.ts';
import { valuesOf, type HeaderList } from '#core/head.ts';
import { parseKept, renderKept, type Entry, type Kept } from './entry.ts';
import { fieldOf, keyOf, uriOf, type KeyRules } from './request.ts';

/** What is kept for a request, or where it would be. */
export interface Place {
  readonly entry: Entry | null;
  /** Of all answers to the request's URI, whatever they vary by. */
  readonly key: string;
  /** Request headers by which there are several; empty: there are none, or nothing is known. */
  readonly varies: readonly string[];
  /** See AnswerCache. */
  readonly stamp: number;
}

/** More headers than this no answer can vary by. */
const mostVaries = 16;
/** An answer is not kept under more tags. */
const mostTags = 128;

/** Answers to requests in a cache that knows keys and bytes. */
export class Shelf {
  readonly #cache: AnswerCache;
  readonly #rules: KeyRules;

  constructor(cache: AnswerCache, rules: KeyRules) {
    this.#cache = cache;
    this.#rules = rules;
  }

  find(exchange: Exchange): Place | Promise<Place> {
    const key = keyOf(exchange, this.#rules);
    const found = this.#cache.find(key);
    return found instanceof Promise
      ? found.then((it) => this.#open(exchange, key, it))
      : this.#open(exchange, key, found);
  }

  #open(exchange: Exchange, key: string, { bytes, stamp }: Found): Place | Promise<Place> {
    const kept = bytes && parseKept(bytes);
    if (!kept) return { entry: null, key, varies: [], stamp };
    if ('entry' in kept) return { entry: kept.entry, key, varies: [], stamp };
    const { varies } = kept;
    const variant = this.variantKey(exchange, key, varies);
    if (variant === null) return { entry: null, key, varies, stamp };
    // What came between the two counts as begun before both.
    const of = (found: Found): Place => ({ entry: entryIn(found.bytes), key, varies, stamp });
    const found = this.#cache.find(variant);
    return found instanceof Promise ? found.then(of) : of(found);
  }

  /** Null: it varies by what differs from request to request. */
  variantKey(exchange: Exchange, key: string, varies: readonly string[]): string | null {
    const values = varies.map((name) => fieldOf(exchange, name));
    return values.includes(null) ? null : JSON.stringify([key, varies, values]);
  }

  /** False: it could not be found again. */
  canKeep(exchange: Exchange, headers: HeaderList, { key, varies }: Place): boolean {
    const names = unitedVaries(varies, headers);
    return names.length <= mostVaries && this.variantKey(exchange, key, names) !== null;
  }

  keep(exchange: Exchange, entry: Entry, { place, lifetimeMs }: { place: Place; lifetimeMs: number }): void {
    const { head } = exchange;
    const marks = [...pathMarks(head.path), uriMark(uriOf(exchange, this.#rules))];
    const names = unitedVaries(place.varies, entry.headers);
    const put = (key: string, kept: Kept, all: readonly string[]): void =>
      void this.#cache.keep(key, { bytes: renderKept(kept), marks: all, stamp: place.stamp, lifetimeMs });
    if (names.length > 0) put(place.key, { varies: names }, marks);
    const key = names.length === 0 ? place.key : this.variantKey(exchange, place.key, names)!;
    put(key, { entry }, [...marks, ...entry.tags.slice(0, mostTags).map(tagMark)]);
  }

  drop(exchange: Exchange, { key, varies }: Place): void {
    void this.#cache.drop(this.variantKey(exchange, key, varies) ?? key);
    if (varies.length === 0) void this.#cache.drop(key);
  }
}

const entryIn = (bytes: Buffer | null): Entry | null => {
  const kept = bytes && parseKept(bytes);
  return kept && 'entry' in kept ? kept.entry : null;
};

/** Whatever answers of one URI vary by all of them are told apart by: one that varies by less has more keys than it needs. */
function unitedVaries(known: readonly string[], headers: HeaderList): string[] {
  const named = valuesOf(headers, 'vary').join(',').toLowerCase().split(',');
  const names = named.map((name) => name.trim()).filter((name) => name !== '');
  return [...new Set([...known, ...names])].toSorted();
}
