import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { createModelIndex } from '#core/resolve-model.ts';
import { parseConfig } from '#config/load.ts';
import { resolveConfig } from '#config/resolve.ts';
import { zeroConfiguration } from '#config/zero-configuration.ts';
import { catalog } from '#providers/catalog/index.ts';
import { policySchemas } from '#policies/schemas.ts';

function snapshotOf(env: Record<string, string>) {
  const text = stringify(zeroConfiguration(env, catalog.values()));
  const document = parseConfig(text, { env, path: null, policySchemas });
  const prices = { find: () => null, all: () => ({}) };
  const scope = { catalog, prices, version: 1, text, source: 'environment', nowMs: 0 };
  return resolveConfig(document, scope).snapshot;
}

test('with nothing in the environment the simulated model answers, behind keys', () => {
  const snapshot = snapshotOf({});
  assert.deepEqual(Object.keys(snapshot.models), ['simulated', 'simulated/simulated']);
  assert.equal(snapshot.providers['simulated']?.baseUrl, 'builtin:simulated');
  assert.equal(snapshot.listen[0]!.host, '127.0.0.1');
  assert.deepEqual(
    snapshot.routes.map(({ match, policies }) => [match.path, ...policies.map((use) => use.kind)]),
    [
      ['/sluice/v1/**', 'key-auth', 'model-access'],
      ['/**', 'key-auth', 'model-access'],
    ],
  );
});

test('with every key in the environment every provider is there, and bare names find their owners', () => {
  const env: Record<string, string> = {};
  for (const { variable, credential } of catalog.values())
    if (variable) env[variable] = credential ? 'sk-x' : '127.0.0.1:7777';
  const snapshot = snapshotOf(env);
  assert.ok(!snapshot.providers['simulated']);
  assert.equal(snapshot.providers['ollama']?.baseUrl, 'http://127.0.0.1:7777');
  assert.deepEqual(
    snapshot.providers['ollama'].speaks.map(({ dialect, baseUrl }) => [dialect, baseUrl]),
    [
      ['openai-chat', 'http://127.0.0.1:7777/v1'],
      ['openai-completions', 'http://127.0.0.1:7777/v1'],
      ['openai-responses', 'http://127.0.0.1:7777/v1'],
    ],
  );
  const models = createModelIndex(snapshot);
  const owner = (name: string) => models.find(name)?.targets[0]?.provider.name;
  assert.deepEqual(
    ['gpt-99', 'claude-99', 'gemini-99', 'mistral-99', 'qwen99', 'ollama/anything'].map(owner),
    ['openai', 'anthropic', 'google', 'mistral', 'dashscope', 'ollama'],
  );
  for (const { name, models: listed } of catalog.values())
    if (snapshot.providers[name]) for (const model of listed) assert.equal(owner(`${name}/${model}`), name);
});

test('a Bedrock API key makes a provider where the region is known, and credentials of AWS alone make none', () => {
  const key = { AWS_BEARER_TOKEN_BEDROCK: 'k' };
  const of = (env: Record<string, string>) => snapshotOf(env).providers['bedrock'];
  assert.equal(of(key), undefined);
  assert.equal(
    of({ AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_REGION: 'eu-west-1' }),
    undefined,
  );
  const provider = of({ ...key, AWS_DEFAULT_REGION: 'eu-west-1' });
  assert.deepEqual(
    [provider?.baseUrl, provider?.secret, provider?.signer],
    ['https://bedrock-runtime.eu-west-1.amazonaws.com', 'k', null],
  );
});
