import type { Exchange } from '#core/exchange.ts';
import { headerOf, valuesOf, withoutHeaders, type HeaderList } from '#core/head.ts';
import { fieldsOf, instructionsOf, secondsOf, type Directives } from './cache-control.ts';
import type { Entry, EntryRules } from './entry.ts';
import { renderHttpDate } from './http-date.ts';
import { ageAtArrival, lifetimeOf, type Defaults, type Lifetime } from './freshness.ts';

export interface StoreRules {
  readonly targets: readonly string[];
  readonly defaults: Defaults;
  /** Where an answer says nothing of it itself. */
  readonly whileRenewedMs: number;
  readonly ifErrorMs: number;
  /** A stale answer is kept so long to be asked for again. */
  readonly keptStaleMs: number;
  readonly maxBytes: number;
  /** Headers that name tags, in lower case. */
  readonly tagHeaders: readonly string[];
}

export interface Arrived {
  readonly status: number;
  readonly headers: HeaderList;
  readonly askedMs: number;
  readonly atMs: number;
}

export interface Storable extends Pick<Entry, 'headers' | 'ageMs' | 'freshMs' | 'tags'> {
  readonly rules: EntryRules;
  /** From now on. */
  readonly lifetimeMs: number;
}

/** Statuses that this cache knows the meaning of, for `must-understand` (RFC 9111 §5.2.2.3). */
const understood = new Set([
  200, 203, 204, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 410, 414, 451, 500, 501, 502, 503,
  504,
]);
/** A part is not kept, nor what says that nothing has changed. */
const never = new Set([206, 304]);
/** Made anew whenever it is given, or said to this cache alone. */
const ownOfGiving = new Set(['content-length', 'age']);

/** How an answer may be kept (RFC 9111 §3), or why not, in a word. */
export function storable(exchange: Exchange, arrived: Arrived, rules: StoreRules): Storable | string {
  const { status } = arrived;
  const instructions = instructionsOf(arrived.headers, rules.targets);
  const { directives } = instructions;
  if (status < 200 || never.has(status)) return 'status';
  const mustUnderstand = directives.has('must-understand');
  if (mustUnderstand && !understood.has(status)) return 'status';
  if (directives.has('no-store') && !mustUnderstand) return 'no-store';
  if (directives.get('private') === true || fieldsOf(directives, 'private')?.length === 0) return 'private';
  if (valuesOf(arrived.headers, 'vary').join(',').includes('*')) return 'vary';
  // What is in it for one client alone leaves before it is kept.
  const personal = [...(fieldsOf(directives, 'private') ?? []), ...(fieldsOf(directives, 'no-cache') ?? [])];
  const headers = withoutHeaders(
    arrived.headers,
    new Set([...ownOfGiving, ...rules.tagHeaders, ...personal]),
  );
  if (headerOf(headers, 'set-cookie') !== undefined) return 'set-cookie';
  if (isPersonal(exchange) && !isForAll(directives)) return 'authorization';
  const asks = directives.get('no-cache') === true || fieldsOf(directives, 'no-cache')?.length === 0;
  if (asks && !isValidated(headers)) return 'no-cache';
  const lifetime = asks ? neverFresh : lifetimeOf(arrived, instructions, rules.defaults);
  if (lifetime === null) return 'no-lifetime';
  const ageMs = ageAtArrival(arrived.headers, arrived);
  // RFC 9110 §6.6.1: who keeps an answer without a date says when it came.
  if (headerOf(headers, 'date') === undefined) headers.push('date', renderHttpDate(arrived.atMs));
  const tags = tagsOf(arrived.headers, rules);
  return judged({ headers, ageMs, tags }, lifetime, { directives, asks, rules });
}

function judged(
  { headers, ageMs, tags }: Pick<Storable, 'headers' | 'ageMs' | 'tags'>,
  lifetime: Lifetime,
  {
    directives,
    asks,
    rules,
  }: { readonly directives: Directives; readonly asks: boolean; readonly rules: StoreRules },
): Storable | string {
  const strict = directives.has('must-revalidate') || directives.has('proxy-revalidate');
  // Its own word stands beside s-maxage, too; the operator's general one does not (RFC 9111 §4.2.4).
  const usual = (ms: number) => (lifetime.isShared ? 0 : ms);
  const graceOf = (name: string, otherwiseMs: number) => {
    if (strict || asks) return 0;
    const said = secondsOf(directives, name);
    return said === null ? usual(otherwiseMs) : Number.isNaN(said) ? 0 : said * 1000;
  };
  const whileRenewedMs = graceOf('stale-while-revalidate', rules.whileRenewedMs);
  const ifErrorMs = graceOf('stale-if-error', rules.ifErrorMs);
  const freshMs = lifetime.ms;
  const staleMs = Math.max(whileRenewedMs, ifErrorMs, rules.keptStaleMs);
  const lifetimeMs = freshMs - ageMs + staleMs;
  if (lifetimeMs <= 0) return 'stale';
  return {
    headers,
    ageMs,
    freshMs,
    tags,
    rules: { asks, strict, shared: lifetime.isShared, whileRenewedMs, ifErrorMs },
    lifetimeMs,
  };
}

/** Not to be used without asking (`no-cache`). */
const neverFresh: Lifetime = { ms: 0, isExplicit: true, isShared: false };

const isValidated = (headers: HeaderList): boolean =>
  headerOf(headers, 'etag') !== undefined || headerOf(headers, 'last-modified') !== undefined;

/** §3.5, and the same for cookies: what is answered to somebody is for him unless it says that it is for all. */
function isPersonal({ head, consumedHeaders }: Exchange): boolean {
  return ['authorization', 'cookie'].some(
    (name) => headerOf(head.headers, name) !== undefined && !consumedHeaders.includes(name),
  );
}

const isForAll = (directives: Directives): boolean =>
  directives.has('public') || directives.has('s-maxage') || directives.has('must-revalidate');

function tagsOf(headers: HeaderList, { tagHeaders }: StoreRules): string[] {
  const lines = tagHeaders.flatMap((name) => valuesOf(headers, name));
  return lines.flatMap((line) => line.split(/[\s,]+/)).filter((tag) => tag !== '');
}
