/** Secrets of a whole gateway: exchanged while it runs, kept while their source is away, and shown by nobody. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { spawnSluice } from '../../src/cli/testing/spawn-sluice.ts';
import { startGatewayProcess, type GatewayProcess } from '../harness/gateway-process.ts';
import { adminToken, testKey } from '../harness/gateway.ts';

/** What Vault has, and whether it answers. */
const vault = { key: 'sk-vault-first-secret', answers: true };
/** Keys that the provider takes, and those that it was sent. */
const provider = { takes: ['sk-vault-first-secret', 'sk-overlap-new-secret'], sent: [] as string[] };

const server = createServer((request, reply) => {
  request.resume();
  request.on('end', () => {
    reply.setHeader('content-type', 'application/json');
    if (request.url!.startsWith('/v1/secret/')) {
      reply.statusCode = vault.answers ? 200 : 503;
      return reply.end(JSON.stringify({ data: { data: { key: vault.key } } }));
    }
    const key = String(request.headers.authorization).replace('Bearer ', '');
    provider.sent.push(key);
    if (!provider.takes.includes(key)) {
      reply.statusCode = 401;
      return reply.end(
        JSON.stringify({
          error: { message: `Incorrect API key provided: ${key}`, type: 'invalid_request_error' },
        }),
      );
    }
    return reply.end(
      JSON.stringify({
        ...{ id: 'c', object: 'chat.completion', created: 1, model: 'm' },
        choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
        usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
      }),
    );
  });
});

let gateway: GatewayProcess;
let base = '';
/** Values that nobody is to be shown. */
const secrets = [
  ...['sk-vault-first-secret', 'sk-vault-second-secret', 'sk-overlap-old-secret', 'sk-overlap-new-secret'],
  ...[
    'hvs.vault-token-secret',
    'header-value-secret',
    'c2luay1zZWNyZXQtdmFsdWUtMDEyMzQ1Njc4OWFiY2RlZg==',
    'sink-auth-secret',
  ],
  ...[testKey, adminToken, 'ab12'.repeat(16)],
];

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  gateway = await startGatewayProcess({
    env: { MASTER: 'ab12'.repeat(16), VAULT_TOKEN: 'hvs.vault-token-secret' },
    file: {
      version: 1,
      secrets: {
        masterKey: '${env:MASTER}',
        refresh: '300ms',
        vault: { address: base, token: '${env:VAULT_TOKEN}' },
      },
      providers: {
        v: { dialect: 'openai-chat', baseUrl: base, apiKey: '${vault:secret/openai#key}' },
        two: {
          dialect: 'openai-chat',
          baseUrl: base,
          apiKey: ['sk-overlap-old-secret', 'sk-overlap-new-secret'],
          headers: { 'x-special-auth': 'header-value-secret' },
        },
      },
      events: {
        webhooks: [{ url: `${base}/hook`, secret: 'whsec_c2luay1zZWNyZXQtdmFsdWUtMDEyMzQ1Njc4OWFiY2RlZg==' }],
      },
      audit: { sinks: [{ name: 's', url: `${base}/sink`, headers: { authorization: 'sink-auth-secret' } }] },
      routes: [{ name: 'llm', match: { path: '/v1/**' }, to: { llm: {} } }],
      policies: [{ 'key-auth': {} }, { 'model-access': {} }, { audit: { content: 'both' } }],
      teams: { red: {} },
      projects: { web: { team: 'red' } },
      keys: { tester: { project: 'web', secret: testKey } },
    },
  });
});
after(async () => {
  await gateway.remove();
  server.closeAllConnections();
  server.close();
});

const shown: string[] = [];

async function call(model: string): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'x' }] }),
  });
  const text = await answer.text();
  shown.push(text, JSON.stringify([...answer.headers]));
  return { status: answer.status, text };
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (const until = Date.now() + 20_000; Date.now() < until;) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`it did not come:\n${gateway.said()}`);
}

async function metrics(): Promise<string> {
  const text = await (await gateway.admin('/metrics')).text();
  shown.push(text);
  return text;
}

test('a secret of Vault is used, exchanged without a restart, and kept while Vault is away', async () => {
  assert.equal((await call('v/m')).status, 200);
  vault.key = 'sk-vault-second-secret';
  provider.takes.push('sk-vault-second-secret');
  await eventually(async () => {
    await call('v/m');
    return provider.sent.at(-1) === 'sk-vault-second-secret';
  });
  vault.answers = false;
  await eventually(async () => /^sluice_secrets_failing 1$/m.test(await metrics()));
  assert.equal((await call('v/m')).status, 200);
  assert.match(gateway.said(), /secrets: vault:secret\/openai cannot be looked at, .*answered 503/);
  vault.answers = true;
  await eventually(async () => /^sluice_secrets_failing 0$/m.test(await metrics()));
});

test('of two keys the one that its provider refuses is passed over, in the same call, and said', async () => {
  provider.sent.length = 0;
  assert.equal((await call('two/m')).status, 200);
  assert.equal((await call('two/m')).status, 200);
  assert.deepEqual(provider.sent, [
    'sk-overlap-old-secret',
    'sk-overlap-new-secret',
    'sk-overlap-new-secret',
  ]);
  assert.match(await metrics(), /^sluice_provider_key_refusals_total\{[^}]*provider="two"[^}]*\} 1$/m);
  assert.match(gateway.said(), /provider two: it refuses key 1 \(401\)/);
});

test('security 40: no answer, log line, metric, record or file shows a secret', async () => {
  provider.takes.length = 0;
  assert.notEqual((await call('two/m')).status, 200);
  // What a log line is made of is the caller's: no line of it may be another.
  const forged = await fetch(`${gateway.url}/nowhere/%22%7D%7B%22level%22:50`, {
    headers: { authorization: 'Bearer wrong\u0009{"forged":1}', 'user-agent': 'a"}\\n{"x":1' },
  });
  shown.push(await forged.text());
  const { paths } = (await (await gateway.admin('/openapi.json')).json()) as {
    paths: Record<string, object>;
  };
  for (const [path, operations] of Object.entries(paths)) {
    if (!('get' in operations) || path.includes('/self/')) continue;
    const answer = await gateway.admin(path.replace(/\{\w+\}/g, '1'));
    shown.push(await answer.text(), JSON.stringify([...answer.headers]));
  }
  const bad = { text: 'providers: { o: { apiKey: sk-overlap-old-secret, x: sk-overlap-new-secret } }' };
  for (const [line, body] of [
    ['POST /v1/config/check', bad],
    ['POST /v1/config/diff', bad],
    ['PUT /v1/config', bad],
    ['POST /v1/explain', { method: 'POST', url: '/v1/chat/completions', headers: [], model: 'two/m' }],
  ] as const) {
    const [method, path] = line.split(' ');
    const answer = await gateway.admin(path!, {
      method: method!,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    shown.push(await answer.text());
  }
  for (const args of [['config', 'show'], ['audit', 'export'], ['status'], ['keys', 'list']]) {
    const { out, err } = await gateway.sluice(...args);
    shown.push(out, err);
  }
  await eventually(async () => gateway.logged().includes('/nowhere/'));
  shown.push(gateway.said(), gateway.logged());
  for (const secret of secrets)
    for (const text of shown) assert.ok(!text.includes(secret), `${secret} in ${text.slice(0, 300)}`);
  const lines = gateway.logged().trimEnd().split('\n');
  for (const line of lines)
    assert.ok(typeof (JSON.parse(line) as { exchange: string }).exchange === 'string', line);

  await gateway.end();
  const files = readdirSync(gateway.stateDirectory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(gateway.stateDirectory, name))
    .filter((path) => statSync(path).isFile());
  assert.ok(files.some((path) => path.endsWith('audit-keys')));
  for (const path of files) {
    const bytes = readFileSync(path, 'latin1');
    for (const secret of secrets) assert.ok(!bytes.includes(secret), `${secret} in ${path}`);
  }
});

test('a wrong master key, or none, is told with what to do; another one takes over where both are named', async () => {
  const config = join(gateway.folder, 'sluice.yaml');
  const text = readFileSync(config, 'utf8');
  const withKeys = (keys: string) => writeFileSync(config, text.replace('${env:MASTER}', keys));
  withKeys('cd34'.repeat(16));
  await assert.rejects(gateway.start(), (error: Error) => {
    assert.match(
      `${error.message}${gateway.said()}`,
      /answers-secret is encrypted under the master key [0-9a-f]{8}, and secrets\.masterKey has [0-9a-f]{8}: put the right one back/,
    );
    return true;
  });
  writeFileSync(
    config,
    text.replace('masterKey: ${env:MASTER}', `masterKey: ['${'cd34'.repeat(16)}', '\${env:MASTER}']`),
  );
  provider.takes.push('sk-vault-second-secret');
  await gateway.start();
  assert.equal((await call('v/m')).status, 200);
  await gateway.end();
  withKeys('cd34'.repeat(16));
  await gateway.start();
  const proof = (await (await gateway.admin('/v1/audit/verify')).json()) as { clean: boolean };
  assert.equal(proof.clean, true);
  await gateway.end();
});

test('sluice secrets rotate: another key in the directory, everything readable, the old one opens nothing', async () => {
  const fresh = await startGatewayProcess({ file: null, env: { SLUICE_KEY: testKey } });
  const offline = (...args: string[]) =>
    spawnSluice([...args, '--state', fresh.stateDirectory], { cwd: fresh.folder });
  try {
    assert.equal(
      (
        await fresh.admin('/v1/upstreams/drain', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: '{"group":"a","member":"b","drained":true}',
        })
      ).status,
      404,
    );
    const running = await offline('secrets', 'rotate');
    assert.equal(running.code, 1, 'not beside a gateway');
    await fresh.end();
    const path = join(fresh.stateDirectory, 'master-key');
    const before = readFileSync(path, 'utf8');
    const rotated = await offline('secrets', 'rotate');
    assert.equal(rotated.code, 0, rotated.err);
    assert.notEqual(readFileSync(path, 'utf8'), before);
    const verified = await offline('audit', 'verify');
    assert.equal(verified.code, 0, verified.err + verified.out);
    writeFileSync(path, before);
    const lost = await offline('audit', 'verify');
    assert.equal(lost.code, 1);
    assert.match(lost.err, /encrypted under the master key/);
  } finally {
    await fresh.remove();
  }
});
