import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { openRedisCache, type RedisCache } from '#storage/distributed/cache/redis-cache.ts';
import { askRedis, startRedis, type TestRedis } from '../../harness/redis.ts';
import { conforms, type StoreUnderTest } from './suite.ts';

const secret = new Uint8Array(32).fill(7);

async function connected(redis: TestRedis, more: object = {}): Promise<RedisCache> {
  const store = openRedisCache({
    ...{ url: redis.url, cluster: null, sentinels: null, tls: null },
    ...{ name: 'test', owner: randomUUID(), secret, timeoutMs: 20_000, leaseMs: 2_000 },
    ...more,
  });
  for (const until = Date.now() + 30_000; ; await new Promise((resolve) => setTimeout(resolve, 20))) {
    const answered = await store.get({ project: 'web', name: 'none' }, 'nobody').then(
      () => true,
      () => false,
    );
    if (answered) return store;
    assert.ok(Date.now() < until, 'no connection');
  }
}

async function open(): Promise<StoreUnderTest> {
  const redis = await startRedis({ keep: true });
  const opened: RedisCache[] = [];
  return {
    async holder() {
      const store = await connected(redis);
      opened.push(store);
      return { store, die: () => store.close() };
    },
    async dump() {
      const keys = (await askRedis(redis.port, ['KEYS', '*']))
        .split('\r\n')
        .filter((key) => key.includes('entry:'));
      const dumps = await Promise.all(keys.map((key) => askRedis(redis.port, ['HGETALL', key])));
      return Buffer.from([...keys, ...dumps].join('\n'));
    },
    async close() {
      for (const store of opened) store.close();
      await redis.stop();
    },
  };
}

conforms('redis', open);

test('nodes with two secrets do not keep answers side by side: the second is told', async () => {
  const redis = await startRedis();
  const [first, second] = [
    await connected(redis),
    await connected(redis, { secret: new Uint8Array(32).fill(8) }),
  ];
  const name = { project: 'web', name: 'n' };
  const wish = { holder: 'h', fingerprint: 'f', lifetimeMs: 60_000 };
  assert.equal((await first.claim(name, wish)).state, 'claimed');
  await assert.rejects(second.claim(name, wish), /another secret/);
  first.close();
  second.close();
  await redis.stop();
});

test('a server that is gone or answers nothing is told of, and used again when it is back', async () => {
  const redis = await startRedis({ keep: true });
  const store = await connected(redis, { timeoutMs: 300 });
  const wish = { holder: 'h', fingerprint: 'f', lifetimeMs: 60_000 };
  const claim = (name: string) => store.claim({ project: 'web', name }, wish);
  assert.equal((await claim('before')).state, 'claimed');
  redis.pause();
  await assert.rejects(claim('paused'), /no answer within 300 ms/);
  redis.resume();
  await redis.kill();
  await assert.rejects(claim('gone'));
  await redis.restart();
  for (const until = Date.now() + 60_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const found = await claim('before').catch(() => null);
    if (found) {
      assert.equal(found.state, 'running', 'what was claimed before is still claimed');
      break;
    }
    assert.ok(Date.now() < until, 'it is not used again');
  }
  store.close();
  await redis.stop();
});
