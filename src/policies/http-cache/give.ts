import type { Exchange } from '#core/exchange.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import type { StoredAnswer } from '#core/contracts/answer-intake.ts';
import { renderCacheStatus, type CacheStatus } from './cache-status.ts';
import { isSameRange, isUnchanged } from './conditions.ts';
import { ageOf, type Entry } from './entry.ts';
import { rangeOf } from './range.ts';

export interface Giving {
  readonly nowMs: number;
  readonly status: CacheStatus;
  readonly pricePercent: number;
}

/** A kept answer as this request is to get it: all of it, a part, or that the client has it already. */
export function giveEntry(
  { head }: Pick<Exchange, 'head'>,
  entry: Entry,
  { nowMs, status, pricePercent }: Giving,
): StoredAnswer {
  const ageMs = ageOf(entry, nowMs);
  const said = renderCacheStatus({ ...status, ttlMs: entry.freshMs - ageMs });
  const about = ['age', String(Math.floor(ageMs / 1000)), 'cache-status', said];
  const { headers, body } = entry;
  const whole = { status: entry.status, body, pricePercent } as const;
  if (entry.status !== 200) return { ...whole, headers: [...headers, ...about] };
  if (isUnchanged(head.headers, headers, nowMs))
    return { ...whole, status: 304, headers: [...ofUnchanged(headers), ...about], body: null };
  const range =
    head.method === 'GET' && isSameRange(head.headers, headers)
      ? rangeOf(headerOf(head.headers, 'range'), body.length)
      : null;
  if (range === null) return { ...whole, headers: [...headers, ...about] };
  if (range === 'none') {
    const unsatisfied = ['content-range', `bytes */${body.length}`];
    return { ...whole, status: 416, headers: [...unsatisfied, ...about], body: null };
  }
  const { first, last } = range;
  const part = ['content-range', `bytes ${first}-${last}/${body.length}`];
  return {
    ...whole,
    status: 206,
    headers: [...headers, ...part, ...about],
    body: body.subarray(first, last + 1),
  };
}

/** Who has the answer has what describes its content (RFC 9110 §15.4.5). */
function ofUnchanged(headers: HeaderList): string[] {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!;
    if (!name.startsWith('content-') || name === 'content-location') kept.push(name, headers[i + 1]!);
  }
  return kept;
}
