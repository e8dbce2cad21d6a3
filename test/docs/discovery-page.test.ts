import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPriceSource } from '../../src/compose/price-source.ts';
import { loadConfig } from '../../src/compose/configuration.ts';
import { blocksOf } from '../harness/snippets.ts';

test('docs/discovery.md: every block is a configuration', async () => {
  const prices = await openPriceSource();
  const overrides = { stateDirectory: null, port: null, adminPort: null, threads: null };
  for (const text of blocksOf('docs/discovery.md', 'yaml')) {
    const source = { path: null, env: { REGISTRY_TOKEN: 't' }, prices };
    const { snapshot } = loadConfig({ source, overrides, version: 1, text });
    for (const { discovery, health } of Object.values(snapshot.upstreams)) assert.ok(discovery ?? health);
  }
});
