import { headerOf, type HeaderList } from './head.ts';

/**
 * When to come back, in milliseconds from now: Retry-After (RFC 9110 §10.2.3), seconds or a date, or its finer form of some
 * vendors, which goes before it. Null when there is none that is valid.
 */
export function retryAfterMs(headers: HeaderList, nowMs: number): number | null {
  const finer = headerOf(headers, 'retry-after-ms')?.trim() ?? '';
  if (/^\d{1,13}(\.\d+)?$/.test(finer)) return Math.ceil(Number(finer));
  const value = headerOf(headers, 'retry-after')?.trim();
  if (value === undefined) return null;
  if (/^\d{1,10}$/.test(value)) return Number(value) * 1000;
  // Date.parse takes more than the three forms of a date in HTTP, all of which name a day of the week first.
  const atMs = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}
