import type { CacheStore } from '#core/contracts/cache-store.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';

export interface NonceUse {
  readonly project: string;
  readonly keyId: string;
  readonly nonce: string;
}

/**
 * Remembers nonces as long as a signature can be good, for all threads and nodes. Says whether it is new.
 * @throws Fault `auth/unavailable` when that cannot be found out.
 */
export function createNonces(
  cache: CacheStore,
  lifetimeMs: number,
): (use: NonceUse, exchange: Exchange) => Promise<boolean> {
  return async ({ project, keyId, nonce }, exchange) => {
    const name = { project, name: JSON.stringify(['hmac-auth', keyId, nonce]) };
    const holder = `${exchange.id}/nonce`;
    const claim = { ...name, holder };
    try {
      const { state } = await cache.claim(name, { holder, fingerprint: 'nonce', lifetimeMs });
      if (state !== 'claimed') return false;
      await cache.finish(claim, null);
      return true;
    } catch (cause) {
      throw new Fault('auth/unavailable', 'Whether the signature was used before cannot be found out now.', {
        cause,
        headers: ['retry-after', '5'],
      });
    }
  };
}
