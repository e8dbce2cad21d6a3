import type { Lead } from '#core/contracts/answer-cache.ts';
import type { AnswerIntake, StoredAnswer } from '#core/contracts/answer-intake.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import { headerOf, withoutHeaders, type HeaderList } from '#core/head.ts';
import type { Directives } from './cache-control.ts';
import { renderCacheStatus, type CacheStatus } from './cache-status.ts';
import { sameStrongly, sameWeakly } from './conditions.ts';
import type { Entry } from './entry.ts';
import { giveEntry } from './give.ts';
import { renderHttpDate } from './http-date.ts';
import { isForErrors } from './judge.ts';
import type { Place, Shelf } from './shelf.ts';
import { storable, type Storable, type StoreRules } from './storable.ts';

/** Answers in whose place a stale one is better (RFC 5861 §4). */
const errors = new Set([500, 502, 503, 504]);
/** What this cache says of an answer that came with them: a 304 says nothing of content (RFC 9111 §3.2). */
const notRenewed = new Set(['content-length', 'content-encoding', 'content-type', 'content-range']);

export interface FetchParts {
  readonly exchange: Exchange;
  readonly shelf: Shelf;
  readonly place: Place;
  readonly rules: StoreRules;
  readonly wishes: Directives;
  /** Why an upstream is asked. */
  readonly status: CacheStatus;
  readonly lead: Lead | null;
  readonly pricePercent: number;
  nowMs(): number;
}

/** What an upstream answers to a GET or HEAD that could not be answered without it. Keeps what may be kept. */
export class UpstreamAnswer implements AnswerIntake {
  readonly #parts: FetchParts;
  readonly #askedMs: number;
  #keeping: { readonly status: number; readonly atMs: number; readonly how: Storable } | null = null;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(parts: FetchParts) {
    this.#parts = parts;
    this.#askedMs = parts.nowMs();
  }

  onHead(status: number, headers: HeaderList): HeaderList | StoredAnswer {
    const { place, nowMs } = this.#parts;
    const atMs = nowMs();
    if (status === 304 && place.entry && isOf(place.entry, headers))
      return this.#renewed(place.entry, headers, atMs);
    if (errors.has(status)) {
      const stale = this.#stale(atMs, status);
      if (stale) return stale;
    }
    const arrived = { status, headers, askedMs: this.#askedMs, atMs };
    const how = this.#howToKeep(arrived);
    const fwd = { ...this.#parts.status, status };
    if (typeof how === 'string') {
      this.end(true);
      return [...this.#shown(headers), 'cache-status', renderCacheStatus({ ...fwd, detail: how })];
    }
    this.#keeping = { status, atMs, how };
    const ttlMs = how.freshMs - how.ageMs;
    return [...this.#shown(headers), 'cache-status', renderCacheStatus({ ...fwd, ttlMs, stored: true })];
  }

  #howToKeep(arrived: Parameters<typeof storable>[1]): Storable | string {
    const { exchange, rules, shelf, place, wishes } = this.#parts;
    const { status, headers } = arrived;
    if (exchange.head.method === 'HEAD') {
      this.#compare(arrived);
      return 'head';
    }
    const length = headerOf(headers, 'content-length');
    if (length !== undefined && Number(length) > rules.maxBytes) return 'too-large';
    if (wishes.has('no-store')) return 'request';
    const how = storable(exchange, arrived, rules);
    // Another answer is there now than the one that was kept.
    if (typeof how === 'string' && place.entry && status < 500 && status !== 206 && status !== 304)
      shelf.drop(exchange, place);
    if (typeof how === 'string' || shelf.canKeep(exchange, how.headers, place)) return how;
    return 'vary';
  }

  /** HEAD says whether what is kept is still what is there (§4.3.5). */
  #compare({ status, headers, atMs }: { status: number; headers: HeaderList; atMs: number }): void {
    const { exchange, place, shelf } = this.#parts;
    const { entry } = place;
    if (!entry || status !== 200) return;
    const length = headerOf(headers, 'content-length');
    const isSame =
      isOf(entry, headers) &&
      headerOf(headers, 'last-modified') === headerOf(entry.headers, 'last-modified') &&
      (length === undefined || Number(length) === entry.body.length);
    if (isSame) this.#freshen(entry, headers, atMs);
    else shelf.drop(exchange, place);
  }

  /** The kept answer holds: it is given with what the 304 says anew (§4.3.4). */
  #renewed(entry: Entry, headers: HeaderList, atMs: number): StoredAnswer {
    const fresh = this.#freshen(entry, headers, atMs);
    this.end(fresh === null);
    const { exchange, pricePercent, status } = this.#parts;
    const said = { ...status, status: 304, ...(fresh ? { stored: true } : {}) };
    return giveEntry(exchange, fresh ?? merged(entry, headers, atMs), {
      nowMs: atMs,
      pricePercent,
      status: said,
    });
  }

  /** Null: it may be kept no more. */
  #freshen(entry: Entry, headers: HeaderList, atMs: number): Entry | null {
    const { exchange, rules, shelf, place } = this.#parts;
    const updated = merged(entry, headers, atMs);
    const arrived = { status: entry.status, headers: updated.headers, askedMs: this.#askedMs, atMs };
    const how = storable(exchange, arrived, rules);
    if (typeof how === 'string' || !shelf.canKeep(exchange, how.headers, place)) {
      shelf.drop(exchange, place);
      return null;
    }
    const { lifetimeMs, ...rest } = how;
    // A 304 that names no tags changes none.
    const renewed = { ...updated, ...rest, tags: how.tags.length > 0 ? how.tags : entry.tags };
    shelf.keep(exchange, renewed, { place, lifetimeMs });
    return renewed;
  }

  onData(chunk: Buffer): void {
    if (!this.#keeping) return;
    this.#bytes += chunk.length;
    if (this.#bytes <= this.#parts.rules.maxBytes) {
      this.#chunks.push(Buffer.from(chunk));
      return;
    }
    this.#keeping = null;
    this.#chunks = [];
    this.end(true);
  }

  onEnd(complete: boolean): void {
    const keeping = this.#keeping;
    if (keeping && complete) {
      const { exchange, shelf, place } = this.#parts;
      const { status, atMs, how } = keeping;
      const { lifetimeMs, ...rest } = how;
      const entry = { status, atMs, body: Buffer.concat(this.#chunks), ...rest };
      shelf.keep(exchange, entry, { place, lifetimeMs });
    }
    this.#keeping = null;
    this.#chunks = [];
    this.end(false);
  }

  onFault(fault: Fault): StoredAnswer | Fault | null {
    const { place, nowMs } = this.#parts;
    this.end(false);
    if (fault.blame !== 'upstream') return null;
    const stale = this.#stale(nowMs(), null);
    if (stale) return stale;
    if (!place.entry?.rules.strict) return null;
    // RFC 9111 §5.2.2.2: not another answer than a fresh one, and this status to say so.
    return new Fault(
      'cache/unreachable',
      'What is kept is stale and must not be given, and no upstream can be asked.',
      {
        cause: fault,
      },
    );
  }

  #stale(nowMs: number, status: number | null): StoredAnswer | null {
    const { exchange, place, wishes, pricePercent } = this.#parts;
    const { entry } = place;
    if (!entry || !isForErrors(entry, wishes, nowMs)) return null;
    this.end(false);
    const said = { ...this.#parts.status, ...(status === null ? {} : { status }), detail: 'stale-if-error' };
    return giveEntry(exchange, entry, { nowMs, pricePercent, status: said });
  }

  /** Whoever waits need not any longer. */
  end(vain: boolean): void {
    this.#parts.lead?.end(vain);
  }

  /** Tags are for this cache alone. */
  #shown(headers: HeaderList): string[] {
    return withoutHeaders(headers, new Set(this.#parts.rules.tagHeaders));
  }
}

/** Does a 304 speak of it? By a tag that both have; without one, of what was asked about (§4.3.4). */
function isOf(entry: Entry, headers: HeaderList): boolean {
  const own = headerOf(entry.headers, 'etag');
  const tag = headerOf(headers, 'etag');
  if (tag === undefined) return true;
  if (own === undefined) return false;
  return tag.startsWith('W/') ? sameWeakly(tag, own) : sameStrongly(tag, own);
}

function merged(entry: Entry, headers: HeaderList, atMs: number): Entry {
  const told = withoutHeaders(headers, notRenewed);
  if (headerOf(told, 'date') === undefined) told.push('date', renderHttpDate(atMs));
  const names = new Set(told.filter((_, i) => i % 2 === 0));
  return { ...entry, headers: [...withoutHeaders(entry.headers, names), ...told], ageMs: 0, atMs };
}
