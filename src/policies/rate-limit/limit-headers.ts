import type { LimitReport, LimitStand } from '#core/contracts/dialect.ts';
import type { LimitState } from '#core/contracts/counter-store.ts';
import type { Rate } from './rate.ts';

/**
 * `ratelimit-policy` and `ratelimit` as structured fields, one member for each window.
 * https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
 */
export function renderLimitHeaders(
  names: readonly string[],
  rates: readonly Rate[],
  states: readonly LimitState[],
) {
  const policies: string[] = [];
  const stands: string[] = [];
  for (let i = 0; i < states.length; i++) {
    const { limit, remaining, resetMs } = states[i]!;
    policies.push(`${names[i]};q=${limit};w=${Math.ceil(rates[i]!.windowMs / 1000)}`);
    stands.push(`${names[i]};r=${remaining};t=${Math.ceil(resetMs / 1000)}`);
  }
  return ['ratelimit-policy', policies.join(', '), 'ratelimit', stands.join(', ')];
}

/** A structured-field string (RFC 9651 §3.3.3): printable ASCII; a route's name may hold more. */
export const quoteName = (name: string): string =>
  `"${name.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`;

/** The report with these windows in it: of each sort, the one with the least left. */
export function mergeReport(
  report: LimitReport | null,
  rates: readonly Rate[],
  states: readonly LimitState[],
): LimitReport {
  const merged: { requests: LimitStand | null; tokens: LimitStand | null } = {
    requests: report?.requests ?? null,
    tokens: report?.tokens ?? null,
  };
  for (let i = 0; i < states.length; i++) {
    const { limit, remaining } = states[i]!;
    const { sort, windowMs } = rates[i]!;
    const before = merged[sort];
    // A window just booked in is whole again once that booking has left it.
    const resetMs = remaining === limit ? 0 : windowMs;
    if (before !== null && before.remaining < remaining) continue;
    if (before !== null && before.remaining === remaining && before.resetMs >= resetMs) continue;
    merged[sort] = { limit, remaining, resetMs };
  }
  return merged;
}
