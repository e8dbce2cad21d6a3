import type { LimitState, ReserveResult } from '#core/contracts/counter-store.ts';
import type { LimitWish } from '#core/limit-wish.ts';
import { renderAmount } from '#core/money.ts';
import type { Passage } from '../passage.ts';
import type { Asked } from './gather.ts';

/** Says on the answer, and by an event, which thresholds of its budgets a call has found or left behind. */
export function warn(
  { exchange, gateway }: Passage,
  asked: readonly Asked[],
  { states, reservation }: ReserveResult & { readonly admitted: true },
): void {
  const warnings: string[] = [];
  for (let i = 0; i < asked.length; i++) {
    const { wish } = asked[i]!;
    if (wish.warnAt.length === 0) continue;
    const state = states[i]!;
    const used = state.limit - state.remaining;
    const passed = wish.warnAt.filter((share) => used >= share * state.limit);
    if (passed.length === 0) continue;
    warnings.push(`${wish.name};used=${percent(used / state.limit)};threshold=${percent(passed.at(-1)!)}`);
    for (const share of passed) {
      const id = eventId(wish, reservation.admittedAtMs, share);
      if (!gateway.toldThresholds.note(id)) continue;
      gateway.events.emit({
        id,
        type: 'budget.threshold',
        subject: wish.subject.slice(wish.subject.lastIndexOf('/') + 1),
        atMs: reservation.admittedAtMs,
        data: dataOf(wish, state, share),
      });
    }
  }
  if (warnings.length > 0) exchange.answerHeaders.push('x-sluice-budget-warning', warnings.join(', '));
}

const percent = (share: number): number => Math.floor(share * 100 + 1e-9);

/** One for each threshold in each period; of a window that slides, for each length of it. */
function eventId({ subject, window }: LimitWish, atMs: number, share: number): string {
  return `${subject}/${periodStart(window, atMs)}/${percent(share)}`;
}

function periodStart(window: LimitWish['window'], atMs: number): number {
  if (window.kind === 'calendar') return atMs < window.endMs ? window.startMs : window.endMs;
  return window.kind === 'held' ? 0 : atMs - (atMs % window.windowMs);
}

function dataOf(
  { name, whom, sort, span, currency, inFlight }: LimitWish,
  { limit, remaining }: LimitState,
  share: number,
): Record<string, unknown> {
  const units = (count: number): number | string => (sort === 'money' ? renderAmount(BigInt(count)) : count);
  return {
    budget: name.slice(1, -1),
    for: whom,
    sort,
    per: span,
    ...(currency === undefined ? {} : { currency }),
    hard: inFlight === 'hard',
    thresholdPercent: percent(share),
    limit: units(limit),
    used: units(limit - remaining),
  };
}
