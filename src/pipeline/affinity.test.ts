import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolMember, TargetPool } from '#core/contracts/target-pool.ts';
import type { Exchange } from '#core/exchange.ts';
import type { HashBy } from '#core/pool-settings.ts';
import { affinityOf, setSticky, stickyOf } from './affinity.ts';
import type { ModelCall } from './model-call.ts';

const exchangeOf = (headers: readonly string[], consumer: string | null = null) =>
  ({
    head: { headers, clientAddress: '10.1.1.1', scheme: 'https' },
    consumer: consumer === null ? null : { id: consumer },
    answerHeaders: [] as string[],
  }) as unknown as Exchange;

const by = (hashBy: HashBy | null, exchange: Exchange, call: ModelCall | null = null) =>
  affinityOf({ hashBy } as TargetPool<unknown>, exchange, call);

test('what consistent hashing goes by', () => {
  const exchange = exchangeOf(['x-user', 'u7', 'cookie', 'a=1; basket=b9; c=2'], 'key-1');
  assert.equal(by(null, exchange), null);
  assert.equal(by({ kind: 'key' }, exchange), 'key-1');
  assert.equal(by({ kind: 'key' }, exchangeOf([])), '10.1.1.1');
  assert.equal(by({ kind: 'client' }, exchange), '10.1.1.1');
  assert.equal(by({ kind: 'header', name: 'x-user' }, exchange), 'u7');
  assert.equal(by({ kind: 'header', name: 'x-none' }, exchange), null);
  assert.equal(by({ kind: 'cookie', name: 'basket' }, exchange), 'b9');
  assert.equal(by({ kind: 'cookie', name: 'bask' }, exchange), null);
  const call = (text: string) =>
    ({
      conversation: () => ({ turns: [{ parts: [{ type: 'text', text }] }], tools: [] }),
    }) as unknown as ModelCall;
  const prefix = { kind: 'prompt-prefix' } as const;
  const long = 'You are a helpful assistant. '.repeat(200);
  assert.equal(by(prefix, exchange, call(`${long}one`)), by(prefix, exchange, call(`${long}two`)));
  assert.notEqual(by(prefix, exchange, call('one')), by(prefix, exchange, call('two')));
  assert.equal(by(prefix, exchange), null);
});

test('the cookie is set when the client has another or none', () => {
  const member: PoolMember<string> = { id: 'm', target: 'm', weight: 1, priority: 0 };
  const pool = {
    sticky: { cookie: 'srv', ttlMs: 0 },
    stickyWord: () => 'word',
  } as unknown as TargetPool<string>;
  const fresh = exchangeOf([]);
  assert.equal(stickyOf(pool, fresh), null);
  setSticky(pool, member, fresh);
  assert.deepEqual(fresh.answerHeaders, ['set-cookie', 'srv=word; Path=/; HttpOnly; SameSite=Lax; Secure']);
  const known = exchangeOf(['cookie', 'srv=word']);
  assert.equal(stickyOf(pool, known), 'word');
  setSticky(pool, member, known);
  assert.deepEqual(known.answerHeaders, []);
  const moved = exchangeOf(['cookie', 'srv=other']);
  setSticky(pool, member, moved);
  assert.equal(moved.answerHeaders.length, 2);
});
