import type { AnswerCache } from '#core/contracts/answer-cache.ts';
import type { Policy, PolicyKind, PolicyServices } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import { headerOf } from '#core/head.ts';
import { parseDuration, parseSize } from '#core/units.ts';
import { Bypass } from './bypass.ts';
import type { Directives } from './cache-control.ts';
import type { CacheStatus } from './cache-status.ts';
import { isForOrigin, parseTags } from './conditions.ts';
import type { Entry } from './entry.ts';
import { giveEntry } from './give.ts';
import { Invalidation } from './invalidation.ts';
import { judge, wishesOf, type Verdict } from './judge.ts';
import { whyApart, type KeyRules } from './request.ts';
import type { HttpCacheSettings } from './schema.ts';
import { Shelf, type Place } from './shelf.ts';
import type { StoreRules } from './storable.ts';
import { UpstreamAnswer, type FetchParts } from './upstream-answer.ts';

/** Answers that were given before, as RFC 9111 has it for a cache that many share. */
export const httpCache: PolicyKind<HttpCacheSettings> = { name: 'http-cache', create: createHttpCache };

/** For the store, besides what is waited for. */
const patienceMs = 30_000;

function createHttpCache(settings: HttpCacheSettings, { answers, clock, instance }: PolicyServices): Policy {
  const waitMs = parseDuration(settings.wait ?? '10s');
  if (waitMs > 600_000) throw new RangeError('http-cache: wait is 10min at most');
  const keys = keyRulesOf(settings, instance);
  const cache = new HttpCache({
    answers,
    keys,
    waitMs,
    stores: storeRulesOf(settings),
    heeds: settings.requestDirectives !== 'ignore',
    pricePercent: percentOf(settings.price ?? 'free'),
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs(),
  });
  return {
    name: 'http-cache',
    summary: `answers to GET are kept for ${keys.scope === 'everybody' ? 'everybody' : `each ${keys.scope}`}, and given again`,
    deadlineMs: waitMs + patienceMs,
    givesAgain: true,
    onCall: (exchange) => cache.take(exchange),
    onSettled({ intake }) {
      // Whatever became of it: nobody is to wait for an exchange that is over.
      if (intake instanceof UpstreamAnswer) intake.end(false);
    },
  };
}

interface HttpCacheParts {
  readonly answers: AnswerCache;
  readonly keys: KeyRules;
  readonly stores: StoreRules;
  readonly waitMs: number;
  /** Are clients' directives heeded? */
  readonly heeds: boolean;
  readonly pricePercent: number;
  nowMs(): number;
  monotonicMs(): number;
}

/** A request on its way through the cache. */
interface Asking {
  readonly exchange: Exchange;
  readonly wishes: Directives;
  /** By the monotonic clock: then it waits no longer. */
  readonly untilMs: number;
  readonly collapsed: boolean;
}

class HttpCache {
  readonly #parts: HttpCacheParts;
  readonly #shelf: Shelf;

  constructor(parts: HttpCacheParts) {
    this.#parts = parts;
    this.#shelf = new Shelf(parts.answers, parts.keys);
  }

  /** Answers out of what is kept, or sees to it that what comes is kept. @throws Fault `cache/unreachable` */
  take(exchange: Exchange): void | Promise<void> {
    const { head } = exchange;
    // Models answer by their own words, and sockets not at all.
    if (exchange.dialectName !== 'raw-http' || head.upgrade !== null) return;
    if (head.method !== 'GET' && head.method !== 'HEAD') {
      exchange.intake = new Invalidation(exchange, { keys: this.#parts.keys, answers: this.#parts.answers });
      return;
    }
    const wishes = wishesOf(head.headers, this.#parts.heeds);
    const apart =
      whyApart(head) ??
      (isForOrigin(head.headers) ? 'precondition' : wishes.has('no-store') ? 'request' : null);
    if (apart !== null) {
      exchange.intake = new Bypass(apart);
      return;
    }
    const untilMs = this.#parts.monotonicMs() + this.#parts.waitMs;
    return this.#look({ exchange, wishes, untilMs, collapsed: false });
  }

  #look(asking: Asking): void | Promise<void> {
    const place = this.#shelf.find(asking.exchange);
    return place instanceof Promise
      ? place.then((it) => this.#decide(asking, it))
      : this.#decide(asking, place);
  }

  #decide(asking: Asking, place: Place): void | Promise<void> {
    const { entry } = place;
    const verdict = entry && judge(entry, asking.wishes, this.#parts.nowMs());
    if (entry && verdict === 'fresh') return this.#give(asking, entry);
    if (entry && verdict === 'renew') return this.#giveAndRenew(asking, { ...place, entry });
    if (asking.wishes.has('only-if-cached'))
      throw new Fault(
        'cache/unreachable',
        'Nothing fresh is kept for this request, and it asks for nothing else (only-if-cached).',
      );
    return this.#fetch(asking, place, whyForward(verdict, place));
  }

  #give({ exchange, collapsed }: Asking, entry: Entry): void {
    const { pricePercent, nowMs } = this.#parts;
    const status = { hit: true, ...(collapsed ? { collapsed } : {}) };
    exchange.stored = giveEntry(exchange, entry, { nowMs: nowMs(), pricePercent, status });
  }

  #giveAndRenew(asking: Asking, place: Place & { readonly entry: Entry }): void {
    const { exchange } = asking;
    this.#give(asking, place.entry);
    if (exchange.head.method !== 'GET' || !exchange.stored) return;
    const lead = this.#parts.answers.lead(place.key);
    if (!lead) return;
    // It is no hit of anybody's.
    const intake = this.#answer(asking, place, { status: { fwd: 'stale' }, lead, pricePercent: 0 });
    const edits = conditionsOf(exchange, place.entry);
    exchange.stored = { ...exchange.stored, renewal: { intake, edits } };
  }

  /** One of those who miss the same asks for it; the others wait, and look again. */
  #fetch(asking: Asking, place: Place, status: CacheStatus): void | Promise<void> {
    const { exchange } = asking;
    const { answers } = this.#parts;
    const goes = (lead: ReturnType<AnswerCache['lead']>): void => {
      const { pricePercent } = this.#parts;
      exchange.intake = this.#answer(asking, place, { status, lead, pricePercent });
      if (place.entry && exchange.head.method === 'GET')
        exchange.upstreamHeaders.push(...conditionsOf(exchange, place.entry));
    };
    const leftMs = asking.untilMs - this.#parts.monotonicMs();
    if (!isShared(exchange) || leftMs <= 0 || answers.isVain(place.key)) return goes(null);
    const lead = answers.lead(place.key);
    if (lead) return goes(lead);
    return this.#wait(asking, place.key, leftMs);
  }

  async #wait(asking: Asking, key: string, leftMs: number): Promise<void> {
    await this.#parts.answers.settled(key, leftMs);
    if (asking.exchange.inbound.gone)
      throw new Fault('client/gone', 'The client hung up while it waited for an equal request.');
    return this.#look({ ...asking, collapsed: true });
  }

  #answer(
    { exchange, wishes, collapsed }: Asking,
    place: Place,
    { status, lead, pricePercent }: Pick<FetchParts, 'status' | 'lead' | 'pricePercent'>,
  ): UpstreamAnswer {
    const { stores, nowMs } = this.#parts;
    return new UpstreamAnswer({
      ...{ exchange, place, wishes, lead, pricePercent, nowMs },
      shelf: this.#shelf,
      rules: stores,
      status: collapsed ? { ...status, collapsed } : status,
    });
  }
}

const whyForward = (verdict: Verdict | null, { varies }: Place): CacheStatus => {
  if (verdict !== null) return { fwd: verdict === 'request' ? 'request' : 'stale' };
  return { fwd: varies.length > 0 ? 'vary-miss' : 'uri-miss' };
};

/** What comes of one like it would do for others: not a part, nor whether something has changed for one client. */
const isShared = ({ head }: Exchange): boolean =>
  head.method === 'GET' &&
  ['range', 'if-none-match', 'if-modified-since'].every((name) => headerOf(head.headers, name) === undefined);

/** Asks whether what is kept still holds (RFC 9111 §4.3.1), beside what the client asks for itself. */
function conditionsOf({ head }: Exchange, { headers }: Entry): Exchange['upstreamHeaders'][number][] {
  const tag = headerOf(headers, 'etag');
  const own = head.headers.filter((_, i) => i % 2 === 1 && head.headers[i - 1] === 'if-none-match');
  if (tag !== undefined) {
    const tags = parseTags(own);
    const value = tags[0] === '*' || tags.includes(tag) ? own.join(', ') : [...tags, tag].join(', ');
    return [
      { name: 'if-none-match', value, add: false },
      { name: 'if-modified-since', value: null, add: false },
    ];
  }
  const changed = headerOf(headers, 'last-modified');
  if (changed === undefined || own.length > 0) return [];
  return [{ name: 'if-modified-since', value: changed, add: false }];
}

function keyRulesOf(
  { scope = 'consumer', query, headers = [] }: HttpCacheSettings,
  instance: string,
): KeyRules {
  if (query?.ignore && query.only) throw new RangeError('http-cache: query has either ignore or only');
  return {
    instance,
    scope,
    ignored: new Set(query?.ignore),
    only: query?.only ? new Set(query.only) : null,
    isSorted: query?.sort === true,
    headers,
  };
}

function storeRulesOf(settings: HttpCacheSettings): StoreRules {
  const ms = (value: string | number | undefined, otherwise: string | number) =>
    parseDuration(value ?? otherwise);
  const { heuristic } = settings;
  return {
    targets: settings.targets ?? ['cdn-cache-control'],
    tagHeaders: settings.tags ?? ['surrogate-key', 'cache-tag'],
    defaults: {
      ttlMs: ms(settings.ttl, 0),
      negativeTtlMs: ms(settings.negativeTtl, 0),
      heuristicShare: (heuristic?.percent ?? 0) / 100,
      heuristicMostMs: ms(heuristic?.most, '1d'),
    },
    whileRenewedMs: ms(settings.staleWhileRevalidate, 0),
    ifErrorMs: ms(settings.staleIfError, 0),
    keptStaleMs: ms(settings.keepStale, '1h'),
    maxBytes: parseSize(settings.maxBytes ?? '1MiB'),
  };
}

const percentOf = (price: string): number =>
  price === 'free' ? 0 : price === 'full' ? 100 : Number(price.slice(0, -1));
