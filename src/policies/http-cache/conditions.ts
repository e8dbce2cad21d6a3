import { headerOf, valuesOf, type HeaderList } from '#core/head.ts';
import { parseHttpDate } from './http-date.ts';

/** Entity tags as they are written; `*` alone stands for any. */
export function parseTags(lines: readonly string[]): string[] {
  const text = lines.join(',').trim();
  return text === '*' ? ['*'] : (text.match(/(?:W\/)?"[^"]*"/g) ?? []);
}

const opaque = (tag: string): string => (tag.startsWith('W/') ? tag.slice(2) : tag);

/** RFC 9110 §8.8.3.2. */
export const sameWeakly = (a: string, b: string): boolean => opaque(a) === opaque(b);
export const sameStrongly = (a: string, b: string): boolean => a === b && !a.startsWith('W/');

/** Does the client have what it would be given (RFC 9110 §13.2.2, RFC 9111 §4.3.2)? A tag counts for more than a date. */
export function isUnchanged(request: HeaderList, answer: HeaderList, nowMs: number): boolean {
  const asked = valuesOf(request, 'if-none-match');
  if (asked.length > 0) {
    const tags = parseTags(asked);
    const own = headerOf(answer, 'etag');
    return tags[0] === '*' || (own !== undefined && tags.some((tag) => sameWeakly(tag, own)));
  }
  const sinceMs = parseHttpDate(headerOf(request, 'if-modified-since'), nowMs);
  if (sinceMs === null) return false;
  const changed = headerOf(answer, 'last-modified') ?? headerOf(answer, 'date');
  const changedMs = parseHttpDate(changed, nowMs);
  return changedMs !== null && changedMs <= sinceMs;
}

/** May a range be given (§13.1.5)? Only of the very bytes that the client has a part of. */
export function isSameRange(request: HeaderList, answer: HeaderList): boolean {
  const wanted = headerOf(request, 'if-range');
  if (wanted === undefined) return true;
  const tag = headerOf(answer, 'etag');
  if (/^(?:W\/)?"/.test(wanted)) return tag !== undefined && sameStrongly(wanted, tag);
  const changed = headerOf(answer, 'last-modified');
  const date = headerOf(answer, 'date');
  // A date is a strong validator only where the answer is at least a second younger (§8.8.2.2).
  if (changed !== wanted || date === undefined) return false;
  const [changedMs, dateMs] = [parseHttpDate(changed, 0), parseHttpDate(date, 0)];
  return changedMs !== null && dateMs !== null && dateMs - changedMs >= 1000;
}

/** Are these for the origin server to judge, which a cache cannot do for it (RFC 9111 §4.3.2)? */
export const isForOrigin = (request: HeaderList): boolean =>
  headerOf(request, 'if-match') !== undefined || headerOf(request, 'if-unmodified-since') !== undefined;
