import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createModelIndex } from '#core/resolve-model.ts';
import { parseConfig } from '#config/load.ts';
import type { PriceSource } from '#config/resolve-models.ts';
import { resolveConfig } from '#config/resolve.ts';
import { compileRoutes } from '#pipeline/compile-routes.ts';
import { catalog } from '#providers/catalog/index.ts';
import { policyKinds } from '#policies/index.ts';
import { policySchemas } from '#policies/schemas.ts';
import { idleServices } from '../../src/compose/idle-services.ts';

const directory = new URL('../../examples/', import.meta.url);
const names = readdirSync(directory).filter((name) => name.endsWith('.yaml'));
const prices: PriceSource = { find: () => null, all: () => ({}) };

/** Every variable an example refers to has a value, and each another one. */
const env = new Proxy<Record<string, string>>(
  {},
  {
    get: (_, name) =>
      String(name).endsWith('_SECRET')
        ? `whsec_${Buffer.from(String(name).padEnd(24)).toString('base64')}`
        : `value-of-${String(name)}`,
  },
);

test('there are examples', () => assert.ok(names.length >= 4));

for (const name of names) {
  test(`${name} is valid, as an editor sees it and as the gateway does`, () => {
    const text = readFileSync(new URL(name, directory), 'utf8');
    assert.match(text, /^# yaml-language-server: \$schema=\.\.\/sluice\.schema\.json\n/);
    const document = parseConfig(text, { env, path: null, policySchemas });
    const { snapshot } = resolveConfig(document, {
      catalog,
      prices,
      version: 1,
      text,
      source: name,
      nowMs: 0,
      files: { path: fileURLToPath(new URL(name, directory)) },
      policySchemas,
    });
    assert.ok(snapshot.routes.length > 0);
    const models = createModelIndex(snapshot);
    for (const model of Object.keys(document.models ?? {})) assert.ok(models.find(model)?.targets.length);
    // Every policy can be made, and nothing is called meanwhile.
    const routes = compileRoutes(snapshot, policyKinds, idleServices(snapshot));
    for (const { policies } of routes) for (const { summary } of policies) assert.ok(summary);
  });
}
