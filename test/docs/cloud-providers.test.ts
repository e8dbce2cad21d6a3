import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../src/compose/configuration.ts';
import { openPriceSource } from '../../src/compose/price-source.ts';
import { emptyFolder } from '../harness/command.ts';
import { blocksOf } from '../harness/snippets.ts';

const account = { type: 'service_account', project_id: 'shop', client_email: 'x@y', private_key: 'pem' };

test('the examples of providers in clouds are configurations, with the addresses that they say', async () => {
  const folder = emptyFolder();
  mkdirSync(join(folder, 'secrets'));
  writeFileSync(join(folder, 'secrets/service-account.json'), JSON.stringify(account));
  const env = { BEDROCK_KEY_ID: 'AKIA', BEDROCK_SECRET: 's', BEDROCK_API_KEY: 'k' };
  const prices = await openPriceSource();
  const reached: Record<string, [string, string | null]> = {};
  for (const text of blocksOf('docs/cloud-providers.md', 'yaml')) {
    const { snapshot } = loadConfig({
      source: { path: join(folder, 'sluice.yaml'), env, prices },
      overrides: { stateDirectory: null, port: null, adminPort: null, threads: null },
      version: 1,
      text,
    });
    for (const [name, { baseUrl, signer }] of Object.entries(snapshot.providers))
      reached[name] = [baseUrl, signer?.kind ?? null];
  }
  assert.deepEqual(reached, {
    bedrock: ['https://bedrock-runtime.eu-central-1.amazonaws.com', 'aws-sigv4'],
    'bedrock-us': ['https://bedrock-runtime.us-east-1.amazonaws.com', 'aws-sigv4'],
    'bedrock-work': ['https://bedrock-runtime.us-west-2.amazonaws.com', 'aws-sigv4'],
    'bedrock-key': ['https://bedrock-runtime.us-east-1.amazonaws.com', null],
    'bedrock-claude': ['https://bedrock-runtime.us-east-1.amazonaws.com', 'aws-sigv4'],
    'vertex-claude': [
      'https://aiplatform.googleapis.com/v1/projects/shop/locations/global/publishers/anthropic',
      'google-oauth',
    ],
    vertex: [
      'https://aiplatform.googleapis.com/v1/projects/shop/locations/global/publishers/google',
      'google-oauth',
    ],
    'vertex-eu': [
      'https://europe-west4-aiplatform.googleapis.com/v1/projects/other-project/locations/europe-west4/publishers/google',
      'google-oauth',
    ],
  });
});
