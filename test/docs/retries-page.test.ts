import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '#config/load.ts';
import { resolveConfig } from '#config/resolve.ts';
import { catalog } from '#providers/catalog/index.ts';
import { policySchemas } from '#policies/schemas.ts';
import type { HttpRoute } from '#core/snapshot.ts';
import { blocksOf } from '../harness/snippets.ts';

test('docs/retries.md: its configuration is valid and means what the page says', () => {
  const [text, ...more] = blocksOf('docs/retries.md', 'yaml');
  assert.equal(more.length, 0);
  const env = { OPENAI_API_KEY: 'sk-test-0123456789' };
  const document = parseConfig(text!, { env, path: null, policySchemas });
  const { snapshot } = resolveConfig(document, {
    catalog,
    prices: { find: () => null, all: () => ({}) },
    version: 1,
    text: text!,
    source: 'docs/retries.md',
    nowMs: 0,
  });
  const [orders, payments, llm] = snapshot.routes as [HttpRoute, HttpRoute, HttpRoute];
  assert.equal(orders.retries, snapshot.upstreams['orders']!.retries, 'of the group');
  assert.deepEqual(orders.hedge, { after: 'p95', max: 1 });
  assert.deepEqual([orders.retries.perTryMs, orders.retries.totalMs], [2000, 5000]);
  assert.deepEqual(orders.retries.on, {
    connect: true,
    reset: true,
    timeout: false,
    statuses: [503],
    serverErrors: false,
  });
  assert.deepEqual(orders.retries.budget, { ratio: 0.2, minPerSecond: 1 });
  assert.deepEqual(orders.retries.backoff, { baseMs: 25, maxMs: 250 });
  assert.deepEqual(payments.retries.methods, ['GET', 'POST']);
  assert.equal(payments.retries.bufferBytes, 65_536);
  assert.equal(payments.hedge, null);
  assert.deepEqual([orders.priority, payments.priority, llm.priority], [5, 9, 3]);
  assert.deepEqual(snapshot.shedding, { lagMs: 100, retryAfterS: 1 });
  assert.equal(snapshot.models['fast']!.retries!.attempts, 2);
  assert.equal(snapshot.models['fast']!.retries!.on.serverErrors, true);
});
