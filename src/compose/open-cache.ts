import { randomUUID } from 'node:crypto';
import type { CacheStore } from '#core/contracts/cache-store.ts';
import { openRedisCache } from '#storage/distributed/cache/redis-cache.ts';
import { connectCache } from '#storage/embedded/cache/connect-cache.ts';
import { addressOf } from './create-counters.ts';
import type { WorkerStart } from './messages.ts';

export interface OpenCache {
  readonly store: CacheStore;
  close(): void;
}

/** The record of answers for one thread: shared by all nodes where they have a Redis, else the process's own. */
export function openCache({ snapshot, cachePort, cacheSecret: secret }: WorkerStart): OpenCache {
  const { redis } = snapshot.storage;
  if (!redis) return { store: connectCache(cachePort, secret), close: () => cachePort.close() };
  const store = openRedisCache({
    ...{ ...addressOf(redis), timeoutMs: redis.timeoutMs },
    ...{ secret, name: 'gateway', owner: randomUUID() },
  });
  return {
    store,
    close() {
      store.close();
      cachePort.close();
    },
  };
}
