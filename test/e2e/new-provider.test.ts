import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { AzureOpenAI } from '../clients/node_modules/openai/index.mjs';
import { spawnSluice } from '../../src/cli/testing/spawn-sluice.ts';
import { startSimulator, type Simulator } from '../../simulator/server.ts';
import { emptyFolder } from '../harness/command.ts';
import { startTestGateway, testKey } from '../harness/gateway.ts';

let simulator: Simulator;
before(async () => {
  simulator = await startSimulator();
});
after(() => simulator.close());

const run = (cwd: string, args: readonly string[]) =>
  spawnSluice(['new', 'provider', ...args], { cwd, env: { HOUSE_KEY: 'sk-house' } });

test('a new provider is asked for a word and written, and comments stay', async () => {
  const cwd = emptyFolder();
  const file = join(cwd, 'sluice.yaml');
  writeFileSync(file, '# Ours.\nversion: 1\nproviders:\n  simulated: {} # for trying\n');
  const args = [
    'house',
    '--base-url',
    `${simulator.url}/v1`,
    '--key-env',
    'HOUSE_KEY',
    '--model',
    'sim-large',
  ];
  const { code, out, err } = await run(cwd, args);
  assert.equal(code, 0, err);
  assert.match(out, /It answers: ".+" \(\d+ ms; \d+ tokens in, \d+ out\)/);
  const text = readFileSync(file, 'utf8');
  assert.match(text, /^# Ours\.\n[^]*simulated: \{\} # for trying\n/);
  assert.match(
    text,
    /house:\n {4}dialect: openai-chat\n {4}baseUrl: .*\/v1\n {4}apiKey: \$\{env:HOUSE_KEY\}\n/,
  );
  assert.doesNotMatch(text, /sk-house/);
  assert.equal(simulator.calls().at(-1)!.requestHeaders!['authorization'], 'Bearer sk-house');

  const again = await run(cwd, args);
  assert.equal(again.code, 1);
  assert.match(again.err, /has a provider "house" already/);
});

test('without a file one is begun; what does not answer is not written, unless untried', async () => {
  const cwd = emptyFolder();
  const file = join(cwd, 'sluice.yaml');
  const wrong = ['house', '--base-url', `${simulator.url}/nowhere`, '--model', 'sim-large'];
  const refused = await run(cwd, wrong);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /It does not answer: .*Nothing was written/);
  assert.ok(!existsSync(file));
  assert.equal((await run(cwd, [...wrong, '--no-try'])).code, 0);
  assert.match(readFileSync(file, 'utf8'), /^providers:\n {2}house:/);
  const odd = await run(cwd, ['other', '--base-url', simulator.url, '--dialect', 'klingon', '--no-try']);
  assert.equal(odd.code, 1);
  assert.match(odd.err, /klingon/);
});

test('another dialect is tried in its own words', async () => {
  const cwd = emptyFolder();
  const { code, err } = await run(cwd, [
    ...['house', '--base-url', simulator.url, '--dialect', 'ollama-chat', '--model', 'sim-large'],
  ]);
  assert.equal(code, 0, err);
  assert.equal(simulator.calls().at(-1)!.path, '/api/chat');
});

test('the catalogue is listed', async () => {
  const { out } = await spawnSluice(['providers'], { cwd: emptyFolder() });
  for (const pattern of [
    /^openai +OpenAI +openai-chat.*https:\/\/api\.openai\.com\/v1 +OPENAI_API_KEY/m,
    /^azure .*of your own \(baseUrl\)/m,
    /^deepseek .*openai-chat, anthropic-messages/m,
  ])
    assert.match(out, pattern);
});

test('a client of Azure names the deployment in the path', async () => {
  const gateway = await startTestGateway({
    simulator,
    config: { routes: [{ name: 'llm', match: { path: '/**' }, to: { llm: {} } }] },
  });
  try {
    const client = new AzureOpenAI({
      endpoint: gateway.url,
      apiKey: testKey,
      apiVersion: '2026-10-01',
      deployment: 'gpt-house',
      maxRetries: 0,
      // The gateway takes keys in Authorization, as in x-api-key.
      defaultHeaders: { authorization: `Bearer ${testKey}`, 'api-key': null },
    });
    const answer = await client.chat.completions.create({
      model: 'gpt-house',
      messages: [{ role: 'user', content: 'simulate:{"text":"Here."}' }],
    });
    assert.equal(answer.choices[0]!.message.content, 'Here.');
    assert.equal(simulator.calls().at(-1)!.model, 'gpt-house');
  } finally {
    await gateway.stop();
  }
});
