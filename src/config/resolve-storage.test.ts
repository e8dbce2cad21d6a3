import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, Problems } from './problem.ts';
import { resolveStorage } from './resolve-storage.ts';
import type { StorageDocument } from './schema-storage.ts';

const resolve = (document: StorageDocument) => {
  const problems = new Problems('storage: {}');
  const resolved = resolveStorage(document, problems);
  problems.throwIfAny('test');
  return resolved;
};

test('stores are off, and have their defaults when they are named', () => {
  assert.deepEqual(resolve({}), { postgres: null, redis: null, answersBytes: 64 * 1024 ** 2 });
  const url = 'postgres://u:p%40ss@db.internal:5432/sluice?sslmode=require';
  assert.deepEqual(
    resolve({ postgres: { url }, redis: { url: 'rediss://cache.internal', whenUnavailable: 'lease' } }),
    {
      postgres: { url, poolSize: 10, connectTimeoutMs: 5000, tls: null },
      redis: {
        url: 'rediss://cache.internal',
        cluster: null,
        sentinels: null,
        timeoutMs: 250,
        whenUnavailable: 'lease',
        leasePercent: 10,
        tls: null,
      },
      answersBytes: 64 * 1024 ** 2,
    },
  );
  assert.equal(resolve({ answers: '1GiB' }).answersBytes, 1024 ** 3);
  assert.throws(() => resolve({ answers: '1KiB' }), /storage\.answers: is from 64KiB to 64GiB/);
});

test('a URL that cannot be read is refused without being shown', () => {
  const refused = () => resolve({ postgres: { url: 'postgres://u:s#cret@db:x/sluice' } });
  assert.throws(refused, (error: Error) => {
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /storage\.postgres\.url: cannot be read as a URL/);
    return !error.message.includes('cret');
  });
});
