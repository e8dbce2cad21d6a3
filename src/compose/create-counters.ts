import type { Clock } from '#core/contracts/clock.ts';
import type { CounterStore } from '#core/contracts/counter-store.ts';
import type { RedisAddress, RedisSettings } from '#core/storage-settings.ts';
import type { LinkSettings } from '#storage/distributed/counters/link.ts';
import { openRedisCounters } from '#storage/distributed/counters/redis-counter-store.ts';
import type { MetricsDump } from '#observe/series.ts';
import { counterMetrics } from './counter-metrics.ts';

export interface CounterParts {
  /** Of this process. */
  readonly embedded: CounterStore;
  /** Null: the process's own counters are all there are. */
  readonly redis: RedisSettings | null;
  readonly nodeId: string;
  /** Of the thread, among all that the node ever had. */
  readonly incarnation: string;
  readonly clock: Clock;
}

export interface ThreadCounters {
  readonly counters: CounterStore;
  /** Waits a while for the first time that they can be used. */
  ready(): Promise<void>;
  dump(): MetricsDump;
  /** Resolves when what was settled is in the store, or has been tried for a second. */
  close(): Promise<void>;
}

/** A thread does not listen before its counters can be used, or this has passed. */
const readyWithinMs = 2000;

/** The counters of a data-plane thread. */
export function createCounters(parts: CounterParts): ThreadCounters {
  const { embedded, redis, clock } = parts;
  const done = async () => undefined;
  if (redis === null) return { counters: embedded, ready: done, dump: () => [], close: done };
  const alone = { store: embedded, share: redis.leasePercent / 100 };
  const counters = openRedisCounters({
    ...linkSettings(redis, clock),
    owner: counterOwner(parts),
    ...{ alone, whenUnavailable: redis.whenUnavailable },
  });
  return {
    counters,
    ready: async () => void (await counters.untilUsable(readyWithinMs)),
    dump: () => counterMetrics(counters.stats()),
    close: () => counters.close(),
  };
}

export const linkSettings = (redis: RedisSettings, clock: Clock): LinkSettings => ({
  ...addressOf(redis),
  timeoutMs: redis.timeoutMs,
  clock,
});

export const addressOf = ({ url, cluster, sentinels, tls }: RedisAddress): RedisAddress => ({
  ...{ url, cluster, sentinels, tls },
});

/** Whose a reservation is: given back when this life of a thread is over. */
export const counterOwner = (of: Pick<CounterParts, 'nodeId' | 'incarnation'>): string =>
  `${of.nodeId}/${of.incarnation}`;
