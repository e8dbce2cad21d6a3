import type { CounterStore, LimitItem } from './contracts/counter-store.ts';
import type { WhenUnavailable } from './storage-settings.ts';

/**
 * Counters that give out a share of every limit, at least one unit: what a node may do that counts by itself beside others.
 * All of them together pass a limit by no more than the sum of their shares.
 */
export function shareOfLimits(counters: CounterStore, percent: () => number): CounterStore {
  const part = (amount: number): number =>
    Math.min(amount, Math.max(1, Math.floor((amount * percent()) / 100)));
  const share = <T extends Pick<LimitItem, 'capacity' | 'window'>>(item: T): T => ({
    ...item,
    capacity: part(item.capacity),
    window: item.window.kind === 'bucket' ? { ...item.window, burst: part(item.window.burst) } : item.window,
  });
  const shared = <T extends Pick<LimitItem, 'capacity' | 'window'>>(items: readonly T[]): readonly T[] =>
    percent() === 100 ? items : items.map(share);
  const ruled = (rule: WhenUnavailable) => shareOfLimits(counters.whenUnavailable!(rule), percent);
  return {
    ...(counters.whenUnavailable ? { whenUnavailable: ruled } : {}),
    reserve: (id, items, nowMs) => counters.reserve(id, shared(items), nowMs),
    extend: (reservation, step, amounts) => counters.extend(reservation, step, amounts),
    debit: (reservation, step, amounts) => counters.debit(reservation, step, amounts),
    settle: (reservation, used) => counters.settle(reservation, used),
    inspect: (items, nowMs) => counters.inspect(shared(items), nowMs),
  };
}
