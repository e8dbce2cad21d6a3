import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '#config/load.ts';
import { resolveConfig } from '#config/resolve.ts';
import { catalog } from '#providers/catalog/index.ts';
import { policySchemas } from '#policies/schemas.ts';
import { blocksOf } from '../harness/snippets.ts';

test('docs/upstreams.md: its configuration is valid and means what the page says', () => {
  const [text, ...more] = blocksOf('docs/upstreams.md', 'yaml');
  assert.equal(more.length, 0);
  const document = parseConfig(text!, { env: {}, path: null, policySchemas });
  const { snapshot } = resolveConfig(document, {
    catalog,
    prices: { find: () => null, all: () => ({}) },
    version: 1,
    text: text!,
    source: 'docs/upstreams.md',
    nowMs: 0,
  });
  const { members, pool } = snapshot.upstreams['shop']!;
  assert.deepEqual(
    members.map(({ weight, priority }) => [weight, priority]),
    [
      [1, 0],
      [3, 0],
      [1, 1],
    ],
  );
  assert.equal(pool.balance, 'least-connections');
  assert.deepEqual(pool.breaker, {
    windowMs: 10_000,
    minimumRequests: 20,
    failureRatio: 0.5,
    consecutiveFailures: 0,
    slowMs: 0,
    slowRatio: 0.5,
    openMs: 5000,
    maxOpenMs: 60_000,
    probes: 3,
  });
  assert.deepEqual(pool.passive, {
    consecutiveFailures: 5,
    failureRatio: 0,
    minimumRequests: 20,
    windowMs: 10_000,
    ejectMs: 30_000,
    maxEjectMs: 300_000,
    maxEjectedPercent: 50,
    maxCoolDownMs: 60_000,
  });
  assert.equal(pool.slowStartMs, 30_000);
  assert.equal(pool.whenAllOut, 'try');
  const chat = snapshot.models['chat']!;
  assert.deepEqual(chat.shares, [
    { weight: 1, priority: 0 },
    { weight: 2, priority: 0 },
  ]);
  assert.deepEqual([chat.pool!.balance, chat.pool!.hashBy], ['consistent-hash', { kind: 'prompt-prefix' }]);
});
