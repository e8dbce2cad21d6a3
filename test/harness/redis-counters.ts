import type { ClientTls } from '#core/target.ts';
import type { BookedAmount } from '#storage/embedded/counters/counter-store.ts';
import { openCounterControl, type CounterControl } from '#storage/distributed/counters/control.ts';
import type { LinkSettings } from '#storage/distributed/counters/link.ts';
import { createScripts, type Scripts } from '#storage/distributed/counters/lua/scripts.ts';
import {
  openRedisCounters,
  type RedisCounterSettings,
  type RedisCounterStore,
} from '#storage/distributed/counters/redis-counter-store.ts';
import { systemClock } from '../../src/compose/system-clock.ts';
import { askRedis, startRedis, type TestRedis, type TestRedisOptions } from './redis.ts';

export interface TestCounters {
  readonly redis: TestRedis;
  readonly control: CounterControl;
  /** By which a script is called. */
  sha1(script: keyof Scripts): string;
  /** Another node's access; usable when it resolves. */
  open(more?: Partial<RedisCounterSettings>): Promise<RedisCounterStore>;
  /** With `ownClock`: the store's time from now on. */
  setNow(nowMs: number): Promise<void>;
  close(): Promise<void>;
}

export interface TestCountersOptions extends TestRedisOptions {
  /** Time stands where the test sets it. */
  readonly ownClock?: boolean;
  /** One that runs already; it is stopped with the counters. */
  readonly redis?: TestRedis;
  /** Where to connect, when that is not the server itself. */
  readonly urlOf?: (redis: TestRedis) => string;
  readonly clientTls?: ClientTls;
  /** What the ledger says when counters are built. */
  readonly ledger?: () => Iterable<BookedAmount>;
  readonly graceMs?: number;
  readonly timeoutMs?: number;
}

const clockKey = '{sluice:test}:clock';

/** Counters in a Redis of their own, built and ready; time-outs are generous, since machines that test are slow. */
export async function openTestCounters(options: TestCountersOptions = {}): Promise<TestCounters> {
  const { ownClock = false, urlOf, ledger = () => [], graceMs = 0, timeoutMs = 20_000 } = options;
  const redis = options.redis ?? (await startRedis(options));
  const settings: LinkSettings = {
    ...{ url: urlOf?.(redis) ?? redis.url, cluster: options.cluster ? [] : null, sentinels: null },
    ...{ name: 'test', clock: systemClock, timeoutMs, tls: options.clientTls ?? null },
    ...(ownClock ? { storeTime: `tonumber(redis.call('GET', '${clockKey}'))` } : {}),
  };
  const setNow = async (nowMs: number) => void (await askRedis(redis.port, ['SET', clockKey, String(nowMs)]));
  if (ownClock) await setNow(Date.now());
  const onError = (error: Error) => void process.stderr.write(`rebuild: ${error.message}\n`);
  const control = openCounterControl({ ...settings, rebuild: ledger, graceMs, onError });
  const scripts = createScripts(settings.storeTime);
  const opened: RedisCounterStore[] = [];
  await usable(control);
  return {
    redis,
    control,
    sha1: (script) => scripts[script].sha1,
    setNow,
    async open(more = {}) {
      const store = openRedisCounters({
        ...settings,
        owner: `node-${opened.length}`,
        debitDelayMs: 0,
        ...more,
      });
      opened.push(store);
      await usable(store);
      return store;
    },
    async close() {
      await Promise.all(opened.map((store) => store.close()));
      control.close();
      await redis.stop();
    },
  };
}

/** Waits until the counters can be used. */
export async function usable(of: { untilUsable(ms: number): Promise<boolean> }): Promise<void> {
  while (!(await of.untilUsable(1000)));
}
