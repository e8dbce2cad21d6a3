/** Each kind of source against a receiver that speaks its protocol: what is asked, what is given, and how each failure is told. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { SecretSettings } from '#core/contracts/secret-source.ts';
import { parseSecretReference } from '#core/secret-reference.ts';
import type { SecretStore } from '#secrets/secret-store.ts';
import { parseConfig } from '#config/load.ts';
import { resolveSecrets } from '#config/resolve-secrets.ts';
import { policySchemas } from '#policies/schemas.ts';
import { createUpstream } from '#transport/upstream/index.ts';
import { blocksOf } from '../harness/snippets.ts';
import { openSecrets } from '../../src/compose/open-secrets.ts';
import { systemClock } from '../../src/compose/system-clock.ts';

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

type Answer = readonly [status: number, body: unknown];

const asked: Asked[] = [];
let answer: (request: Asked) => Answer = () => [404, {}];
const server = createServer((request, reply) => {
  let body = '';
  request.on('data', (chunk: Buffer) => (body += chunk.toString()));
  request.on('end', () => {
    const one = { method: request.method!, url: request.url!, headers: request.headers, body };
    asked.push(one);
    const [status, given] = answer(one);
    reply.writeHead(status, { 'content-type': 'application/json' });
    reply.end(typeof given === 'string' ? given : JSON.stringify(given));
  });
});

const folder = mkdtempSync(join(tmpdir(), 'sluice-sources-'));
const upstream = createUpstream({ clock: systemClock });
let base = '';
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => {
  upstream.close();
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const tokenFile = join(folder, 'token');

function storeWith(more: Partial<SecretSettings>): SecretStore {
  const store = openSecrets({ upstream, say: () => undefined });
  const none = { refreshMs: 60_000, vault: null, aws: { endpoint: null, signing: {} } };
  const others = {
    gcp: { endpoint: base, credentials: null },
    kubernetes: { server: base, tokenFile, ca: null },
  };
  store.use({ ...none, ...others, ...more });
  return store;
}

/** The value, or what is said instead. */
async function valueOf(store: SecretStore, reference: string): Promise<string> {
  const [, kind, target] = /^(\w+):(.*)$/.exec(reference)!;
  const wanted = parseSecretReference(kind as 'vault', target!);
  try {
    return store.read(wanted);
  } catch {
    await store.fetchWanted();
  }
  try {
    return store.read(wanted);
  } catch (error) {
    return `! ${(error as Error).message}`;
  }
}

test('vault: a token, an AppRole, a service account; both versions of its store; each failure', async () => {
  const address = { address: base, namespace: 'team', kv: 2, ca: null } as const;
  const byToken = storeWith({ vault: { ...address, login: { kind: 'token', token: 'hvs.t' } } });
  answer = () => [200, { data: { data: { key: 'sk-1', n: 5 } }, lease_duration: 0 }];
  assert.equal(await valueOf(byToken, 'vault:secret/sluice/openai#key'), 'sk-1');
  assert.equal(asked.at(-1)!.url, '/v1/secret/data/sluice/openai');
  assert.equal(asked.at(-1)!.headers['x-vault-token'], 'hvs.t');
  assert.equal(asked.at(-1)!.headers['x-vault-namespace'], 'team');
  const count = asked.length;
  assert.equal(await valueOf(byToken, 'vault:secret/sluice/openai#n'), '5');
  assert.equal(asked.length, count, 'fields of one secret are fetched together');
  assert.match(await valueOf(byToken, 'vault:secret/sluice/openai#x'), /has no field "x"; there are key, n/);
  assert.match(await valueOf(byToken, 'vault:secret/sluice/openai'), /say which field/);

  for (const [status, body, said] of [
    [403, {}, /does not let the gateway read secret\/s\d \(403\)/],
    [404, {}, /has nothing at secret\/s\d/],
    [500, { errors: ['sk-leak'] }, /answered 500/],
    [200, '<html>sk-leak</html>', /not a JSON object/],
    [200, { data: { key: 'x' } }, /no data at .*kv: 2/],
  ] as [number, unknown, RegExp][]) {
    answer = () => [status, body];
    const text = await valueOf(byToken, `vault:secret/s${asked.length % 10}#key`);
    assert.match(text, said);
    assert.ok(!text.includes('sk-leak'));
  }

  const login = { kind: 'app-role', roleId: 'r', secretId: 's' } as const;
  const byRole = storeWith({ vault: { ...address, kv: 1, login } });
  answer = ({ url, headers }) => {
    if (url === '/v1/auth/approle/login')
      return [200, { auth: { client_token: 'from-role', lease_duration: 3600 } }];
    return headers['x-vault-token'] === 'from-role'
      ? [200, { data: { password: 'p' }, lease_duration: 600 }]
      : [403, {}];
  };
  assert.equal(await valueOf(byRole, 'vault:database/creds/app#password'), 'p');
  assert.equal(asked.at(-1)!.url, '/v1/database/creds/app');
  answer = () => [400, {}];
  const refused = storeWith({ vault: { ...address, login } });
  assert.match(await valueOf(refused, 'vault:a/b#c'), /refuses the login \(400\)/);

  writeFileSync(tokenFile, 'jwt-of-pod\n');
  const kubernetes = { kind: 'kubernetes', role: 'sluice', mount: 'k8s', tokenFile } as const;
  const byPod = storeWith({ vault: { ...address, login: kubernetes } });
  answer = ({ url, body }) => {
    if (url !== '/v1/auth/k8s/login') return [200, { data: { data: { k: 'v' } } }];
    assert.deepEqual(JSON.parse(body), { role: 'sluice', jwt: 'jwt-of-pod' });
    return [200, { auth: { client_token: 't', lease_duration: 60 } }];
  };
  assert.equal(await valueOf(byPod, 'vault:a/b#k'), 'v');
  assert.match(await valueOf(storeWith({}), 'vault:a/b#k'), /there is no "vault" under "secrets"/);
});

test('aws: a signed request; a text, or fields of its JSON; each failure', async () => {
  const signing = { region: 'eu-west-1', accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalr' };
  const store = storeWith({ aws: { endpoint: base, signing } });
  answer = () => [200, { SecretString: '{"key":"sk-2"}' }];
  assert.equal(await valueOf(store, 'aws:prod/openai#key'), 'sk-2');
  assert.equal(await valueOf(store, 'aws:prod/openai'), '{"key":"sk-2"}');
  const { headers, body } = asked.at(-1)!;
  assert.equal(headers['x-amz-target'], 'secretsmanager.GetSecretValue');
  assert.match(
    String(headers['authorization']),
    /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/secretsmanager\/aws4_request, SignedHeaders=content-type;host;x-amz-/,
  );
  assert.deepEqual(JSON.parse(body), { SecretId: 'prod/openai' });
  answer = () => [200, { SecretString: 'plain' }];
  assert.equal(await valueOf(store, 'aws:plain'), 'plain');
  answer = () => [400, { __type: 'com.amazonaws#ResourceNotFoundException', Message: 'sk-leak' }];
  assert.match(await valueOf(store, 'aws:gone'), /has nothing at gone/);
  answer = () => [400, { __type: 'AccessDeniedException' }];
  assert.match(await valueOf(store, 'aws:other'), /does not let the gateway read other/);
  answer = () => [400, { __type: 'ThrottlingException' }];
  assert.match(await valueOf(store, 'aws:often'), /ThrottlingException/);
});

test('gcp: a token by the credential, then the version; each failure', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const credentials = JSON.stringify({
    type: 'service_account',
    client_email: 'a@b.iam',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    token_uri: `${base}/token`,
  });
  const store = storeWith({ gcp: { endpoint: base, credentials } });
  answer = ({ url, headers }) => {
    if (url === '/token') return [200, { access_token: 'ya29', expires_in: 3600 }];
    assert.equal(headers['authorization'], 'Bearer ya29');
    return [200, { payload: { data: Buffer.from('sk-3').toString('base64') } }];
  };
  assert.equal(await valueOf(store, 'gcp:projects/p/secrets/s/versions/latest'), 'sk-3');
  assert.equal(asked.at(-1)!.url, '/v1/projects/p/secrets/s/versions/latest:access');
  assert.match(await valueOf(store, 'gcp:projects/p/secrets/s'), /expected projects\/P\/secrets/);
  answer = ({ url }) => (url === '/token' ? [200, { access_token: 'ya29', expires_in: 3600 }] : [403, {}]);
  assert.match(await valueOf(store, 'gcp:projects/p/secrets/t/versions/1'), /does not let the gateway read/);
});

test('kubernetes: by the account’s token, which is read anew; each failure', async () => {
  const store = storeWith({});
  writeFileSync(tokenFile, 'first');
  answer = () => [200, { data: { key: Buffer.from('sk-4').toString('base64') } }];
  assert.equal(await valueOf(store, 'kubernetes:default/openai#key'), 'sk-4');
  assert.equal(asked.at(-1)!.url, '/api/v1/namespaces/default/secrets/openai');
  assert.equal(asked.at(-1)!.headers['authorization'], 'Bearer first');
  writeFileSync(tokenFile, 'second');
  answer = () => [404, {}];
  assert.match(await valueOf(store, 'kubernetes:default/none#key'), /has nothing at default\/none/);
  assert.equal(asked.at(-1)!.headers['authorization'], 'Bearer second');
  assert.match(await valueOf(store, 'kubernetes:a/b/c#d'), /expected namespace\/secret/);
  rmSync(tokenFile);
  assert.match(await valueOf(store, 'kubernetes:default/other#key'), /there is no token in/);
  for (const bad of ['../x', 'a//b', '/a', 'a/', '#x'])
    assert.throws(() => parseSecretReference('kubernetes', bad), /expected a path/, bad);
});

test('every block of the page on secrets is a configuration', () => {
  const env = { ...Object.fromEntries(['OPENAI_KEY_NEW', 'OPENAI_KEY_OLD'].map((name) => [name, 'sk'])) };
  const blocks = blocksOf('docs/secrets.md', 'yaml');
  assert.ok(blocks.length >= 3);
  for (const block of blocks) {
    const text = block.replaceAll(/\$\{file:[^}]*\}/g, 'ab'.repeat(32));
    const document = parseConfig(text, { env, path: null, policySchemas, secret: () => 'sk' });
    assert.ok(resolveSecrets(document.secrets));
  }
});
