import type { LimitReport, LimitStand } from '#core/contracts/dialect.ts';
import type { LimitState } from '#core/contracts/counter-store.ts';
import type { LimitWish } from '#core/limit-wish.ts';
import { renderAmount } from '#core/money.ts';
import type { Asked } from './gather.ts';

/**
 * `ratelimit-policy` and `ratelimit` as structured fields, one member for each limit of requests, tokens and concurrency
 * (https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/), and of money what is left of the scarcest as
 * `x-credits-remaining`.
 */
export function renderLimitHeaders(asked: readonly Asked[], states: readonly LimitState[]): string[] {
  let policies = '';
  let stands = '';
  let credit: LimitState | null = null;
  for (let i = 0; i < states.length; i++) {
    const { wish } = asked[i]!;
    const state = states[i]!;
    if (wish.sort === 'money') {
      if (!credit || state.remaining < credit.remaining) credit = state;
      continue;
    }
    const comma = policies && ', ';
    policies += `${comma}${wish.name};q=${wish.capacity}${windowOf(wish)}`;
    const reset = wish.window.kind === 'held' ? '' : `;t=${Math.ceil(state.resetMs / 1000)}`;
    stands += `${comma}${wish.name};r=${state.remaining}${reset}`;
  }
  const headers = policies === '' ? [] : ['ratelimit-policy', policies, 'ratelimit', stands];
  if (credit) headers.push('x-credits-remaining', renderAmount(BigInt(credit.remaining)));
  return headers;
}

function windowOf({ window }: LimitWish): string {
  switch (window.kind) {
    case 'held':
      return ';qu="concurrent-requests"';
    case 'calendar':
      return `;w=${Math.ceil((window.endMs - window.startMs) / 1000)}`;
    default:
      return `;w=${Math.ceil(window.windowMs / 1000)}`;
  }
}

/** The report with these limits in it: of each sort, the one with the least left. */
export function mergeReport(
  report: LimitReport | null,
  asked: readonly Asked[],
  states: readonly LimitState[],
): LimitReport | null {
  const merged: { requests: LimitStand | null; tokens: LimitStand | null } = {
    requests: report?.requests ?? null,
    tokens: report?.tokens ?? null,
  };
  for (let i = 0; i < states.length; i++) {
    const { sort, window } = asked[i]!.wish;
    if (sort === 'money' || sort === 'concurrency' || sort === 'cost') continue;
    const { limit, remaining, resetMs } = states[i]!;
    const kind = sort === 'requests' ? 'requests' : 'tokens';
    const before = merged[kind];
    // A window just booked in is whole again once that booking has left it.
    const wholeMs = remaining === limit ? 0 : window.kind === 'sliding' ? window.windowMs : resetMs;
    if (before !== null && before.remaining < remaining) continue;
    if (before !== null && before.remaining === remaining && before.resetMs >= wholeMs) continue;
    merged[kind] = { limit, remaining, resetMs: wholeMs };
  }
  return merged.requests || merged.tokens ? merged : null;
}
