import type { LimitReport, LimitStand } from '#core/contracts/dialect.ts';
import { headerOf, type HeaderList } from '#core/head.ts';

/** https://docs.anthropic.com/en/api/rate-limits#response-headers */
export function limitHeaders({ requests, tokens }: LimitReport): string[] {
  return [...limitTriple('requests', requests), ...limitTriple('tokens', tokens)];
}

/** What the provider says of its own limits; null when it says nothing. */
export function readLimits(headers: HeaderList): LimitReport | null {
  const requests = standOf('requests', headers);
  const tokens = standOf('tokens', headers);
  return requests || tokens ? { requests, tokens } : null;
}

function standOf(what: string, headers: HeaderList): LimitStand | null {
  const read = (part: string): string => headerOf(headers, `anthropic-ratelimit-${what}-${part}`) ?? '';
  const [limit, remaining] = [read('limit'), read('remaining')];
  if (!/^\d{1,15}$/.test(limit) || !/^\d{1,15}$/.test(remaining)) return null;
  const atMs = Date.parse(read('reset'));
  const resetMs = Number.isNaN(atMs) ? 0 : Math.max(0, atMs - Date.now());
  return { limit: Number(limit), remaining: Number(remaining), resetMs };
}

function limitTriple(what: string, stand: LimitStand | null): string[] {
  if (!stand) return [];
  const reset = new Date(Date.now() + stand.resetMs).toISOString();
  return [
    `anthropic-ratelimit-${what}-limit`,
    String(stand.limit),
    `anthropic-ratelimit-${what}-remaining`,
    String(stand.remaining),
    `anthropic-ratelimit-${what}-reset`,
    reset,
  ];
}
