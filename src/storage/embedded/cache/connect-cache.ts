import type { MessagePort } from 'node:worker_threads';
import type { CacheStore } from '#core/contracts/cache-store.ts';
import type { RawCache, RawClaim, RawEntry } from '../../sealed-cache/raw-cache.ts';
import { sealCache } from '../../sealed-cache/seal-cache.ts';
import { askThread } from '../thread/ask-thread.ts';
import type { CacheAsk } from './protocol.ts';

/** The store of answers for one thread, over a port of the cache service. Its claims end with the port. */
export function connectCache(port: MessagePort, secret: Uint8Array): CacheStore {
  const ask = askThread<CacheAsk, unknown>(port, 'the record of answers');
  const raw: RawCache = {
    claim: async (id, wish) => (await ask({ type: 'claim', id, wish })) as RawClaim,
    begin: async (id, holder) => (await ask({ type: 'begin', id, holder })) as boolean,
    async put(id, holder, part) {
      await ask({ type: 'put', id, holder, part });
    },
    async finish(id, holder, whole) {
      await ask({ type: 'finish', id, holder, whole });
    },
    async release(id, holder, as) {
      await ask({ type: 'release', id, holder, as });
    },
    get: async (id, holder) => (await ask({ type: 'get', id, holder })) as RawEntry | null,
  };
  return sealCache(raw, secret);
}
