import { createHmac } from 'node:crypto';
import type { CacheStore } from '#core/contracts/cache-store.ts';
import type { RawCache, RawClaim } from '../../sealed-cache/raw-cache.ts';
import { sealCache } from '../../sealed-cache/seal-cache.ts';
import type { RedisAddress } from '#core/storage-settings.ts';
import { openConnection } from '../counters/connection.ts';
import type { Reply } from '../counters/item-arguments.ts';
import { cacheScripts } from './scripts.ts';

export interface RedisCacheSettings extends RedisAddress {
  /** Tells gateways apart that use one server. */
  readonly name: string;
  /** Names this thread's incarnation among all that ever used the store. */
  readonly owner: string;
  /** The same on all nodes. */
  readonly secret: Uint8Array;
  /** How long a call waits for an answer. */
  readonly timeoutMs: number;
  /** Nothing was heard of an owner for so long: its claims are those of a dead one (default 15 s). */
  readonly leaseMs?: number;
}

export interface RedisCache extends CacheStore {
  close(): void;
}

/** Parts may take their time: nobody waits for them before an upstream is asked. */
const patientMs = 10_000;

/**
 * Answers that many nodes share, in one Redis or Valkey. A server that loses writes at a failover loses claims with them: a call may
 * then be made twice. All keys are below one hash tag.
 */
export function openRedisCache(settings: RedisCacheSettings): RedisCache {
  const { owner, secret, timeoutMs, leaseMs = 15_000 } = settings;
  const head = `{sluice:${settings.name}}:answers:`;
  const ownerKey = `${head}owner:${owner}`;
  const entryKey = (id: string) => `${head}entry:${id}`;
  let reason: string | null = 'the first connection is not made yet';
  const connection = openConnection({
    ...settings,
    scripts: cacheScripts,
    onReady: () => (reason = null),
    onLost(why) {
      reason = why;
      agreed = null;
    },
  });

  function run(
    name: keyof typeof cacheScripts,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<Reply> {
    const ms = name === 'put' || name === 'keep' ? Math.max(patientMs, timeoutMs) : timeoutMs;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
      connection
        .run(cacheScripts[name], keys, args)
        .then(resolve, (error: Error) => reject(new Error(reason ?? error.message, { cause: error })))
        .finally(() => clearTimeout(timer));
    });
  }

  // Nodes with two secrets would not find each other's claims, and make calls twice.
  const check = createHmac('sha256', secret).update('answers').digest('base64url');
  let agreed: Promise<void> | null = null;
  async function agree(): Promise<void> {
    const [found] = await run('agree', [`${head}secret`], [check]);
    if (found === check) return;
    throw new Error(
      'another node keeps answers under another secret; give all nodes the same (SLUICE_ANSWERS_SECRET)',
    );
  }
  function agreedUpon(): Promise<void> {
    agreed ??= agree().catch((error: unknown) => {
      agreed = null;
      throw error;
    });
    return agreed;
  }

  const renewing = setInterval(() => {
    run('renew', [ownerKey], [leaseMs]).catch(() => undefined);
  }, leaseMs / 4);
  renewing.unref();

  const raw: RawCache = {
    async claim(id, { holder, mark, lifetimeMs }) {
      await agreedUpon();
      const args = [holder, owner, mark, lifetimeMs, leaseMs, `${head}owner:`];
      const [state, first, found] = await run('claim', [entryKey(id), ownerKey], args);
      return { state: state as RawClaim['state'], holder: String(first), mark: String(found) };
    },
    async begin(id, holder) {
      const [done] = await run('begin', [entryKey(id), ownerKey], [holder, leaseMs]);
      return done === 1;
    },
    async put(id, holder, { number, bytes }) {
      await run('put', [entryKey(id)], [holder, `p${number}`, textOf(bytes)]);
    },
    async finish(id, holder, whole) {
      if (whole === null) await run('end', [entryKey(id)], [holder, 'passed']);
      else {
        const { about, last } = whole;
        const args = [holder, textOf(about), `p${last.number}`, textOf(last.bytes)];
        await run('keep', [entryKey(id)], args);
      }
    },
    async release(id, holder, as) {
      await run('end', [entryKey(id)], [holder, as]);
    },
    async get(id, holder) {
      const [about, ...parts] = await run('get', [entryKey(id)], [holder]);
      return about === undefined ? null : { about: bytesOf(about), parts: parts.map(bytesOf) };
    },
  };
  return {
    ...sealCache(raw, secret),
    close() {
      clearInterval(renewing);
      connection.close();
    },
  };
}

/** Replies are read as text. */
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const bytesOf = (text: string | number) => Buffer.from(String(text), 'base64');
