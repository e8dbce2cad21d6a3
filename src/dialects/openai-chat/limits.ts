import type { LimitReport, LimitStand } from '#core/contracts/dialect.ts';
import { headerOf, type HeaderList } from '#core/head.ts';

/** https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers */
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
  const read = (part: string): string => headerOf(headers, `x-ratelimit-${part}-${what}`) ?? '';
  const [limit, remaining] = [read('limit'), read('remaining')];
  if (!/^\d{1,15}$/.test(limit) || !/^\d{1,15}$/.test(remaining)) return null;
  return { limit: Number(limit), remaining: Number(remaining), resetMs: parseSpan(read('reset')) };
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `1h2m3.5s`, `6ms`; a bare number is seconds. What cannot be read is 0. */
function parseSpan(text: string): number {
  if (/^\d{1,9}(\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1_000);
  let ms = 0;
  for (const [, value, unit] of text.matchAll(/(\d{1,9}(?:\.\d+)?)(ms|[smhd])/g))
    ms += Number(value) * unitMs[unit!]!;
  return Math.ceil(ms);
}

function limitTriple(what: string, stand: LimitStand | null): string[] {
  if (!stand) return [];
  return [
    `x-ratelimit-limit-${what}`,
    String(stand.limit),
    `x-ratelimit-remaining-${what}`,
    String(stand.remaining),
    `x-ratelimit-reset-${what}`,
    renderDuration(stand.resetMs),
  ];
}

/** As Go writes durations: 120ms, 6.5s, 6m0s. */
function renderDuration(ms: number): string {
  if (ms < 1000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 100) / 10;
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${Math.ceil(seconds % 60)}s`;
}
