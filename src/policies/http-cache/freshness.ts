import { headerOf, type HeaderList } from '#core/head.ts';
import { secondsOf, type Instructions } from './cache-control.ts';
import { parseHttpDate } from './http-date.ts';

/** What the operator says of answers that say nothing themselves. Milliseconds. */
export interface Defaults {
  readonly ttlMs: number;
  readonly negativeTtlMs: number;
  /** Share of the time since the last change; 0: none. */
  readonly heuristicShare: number;
  readonly heuristicMostMs: number;
}

/** Statuses that may be kept although nothing is said of how long (RFC 9110 §15.1); 206 is not among what is kept here. */
const heuristicStatuses = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]);

export interface Lifetime {
  readonly ms: number;
  /** By the answer's own word. */
  readonly isExplicit: boolean;
  /** For a shared cache alone, which must not give it out once it is stale (RFC 9111 §5.2.2.10). */
  readonly isShared: boolean;
}

/** For how long an answer is fresh (§4.2.1); null: nothing is known of it. */
export function lifetimeOf(
  { status, headers, atMs }: { readonly status: number; readonly headers: HeaderList; readonly atMs: number },
  { directives, isTargeted }: Instructions,
  defaults: Defaults,
): Lifetime | null {
  const shared = secondsOf(directives, 's-maxage');
  if (shared !== null) return { ms: secondsToMs(shared), isExplicit: true, isShared: true };
  const most = secondsOf(directives, 'max-age');
  if (most !== null) return { ms: secondsToMs(most), isExplicit: true, isShared: false };
  const dateMs = parseHttpDate(headerOf(headers, 'date'), atMs) ?? atMs;
  const expires = isTargeted ? undefined : headerOf(headers, 'expires');
  if (expires !== undefined) {
    // A date that is none, such as "0", is in the past (§5.3).
    const ms = Math.max(0, (parseHttpDate(expires, atMs) ?? dateMs) - dateMs);
    return { ms, isExplicit: true, isShared: false };
  }
  if (!heuristicStatuses.has(status) && !directives.has('public')) return null;
  const guess = heuristicOf(headers, { dateMs, atMs }, defaults);
  if (guess !== null) return { ms: guess, isExplicit: false, isShared: false };
  const ms = status < 400 ? defaults.ttlMs : defaults.negativeTtlMs;
  return ms > 0 && heuristicStatuses.has(status) ? { ms, isExplicit: false, isShared: false } : null;
}

function heuristicOf(
  headers: HeaderList,
  { dateMs, atMs }: { readonly dateMs: number; readonly atMs: number },
  { heuristicShare, heuristicMostMs }: Defaults,
): number | null {
  const changedMs = parseHttpDate(headerOf(headers, 'last-modified'), atMs);
  if (heuristicShare === 0 || changedMs === null || changedMs > dateMs) return null;
  return Math.min((dateMs - changedMs) * heuristicShare, heuristicMostMs);
}

const secondsToMs = (seconds: number): number => (Number.isNaN(seconds) ? 0 : seconds * 1000);

/** Of an answer that has just come: how old it was then, in milliseconds (§4.2.3). */
export function ageAtArrival(
  headers: HeaderList,
  { askedMs, atMs }: { askedMs: number; atMs: number },
): number {
  const dateMs = parseHttpDate(headerOf(headers, 'date'), atMs) ?? atMs;
  const apparentMs = Math.max(0, atMs - dateMs);
  const said = headerOf(headers, 'age')?.split(',', 1)[0]!.trim();
  const saidMs = said !== undefined && /^\d{1,10}$/.test(said) ? Number(said) * 1000 : 0;
  return Math.max(apparentMs, saidMs + (atMs - askedMs));
}
