import assert from 'node:assert/strict';
import { createVerify, generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Fault } from '#core/fault.ts';
import { testServices } from '../testing/test-services.ts';
import { fetchToken } from './fetch-token.ts';
import { parseCredential } from './parse-credential.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});
const account = {
  type: 'service_account',
  project_id: 'shop',
  private_key_id: 'k1',
  private_key: privateKey,
  client_email: 'gateway@shop.iam.gserviceaccount.com',
};
const nowMs = 1_700_000_000_000;
const given = { status: 200, body: '{"access_token":"ya29.x","expires_in":3599,"token_type":"Bearer"}' };

let home = '';
before(() => (home = mkdtempSync(join(tmpdir(), 'sluice-google-'))));
after(() => rmSync(home, { recursive: true }));

const decode = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());

test('a service account shows a JWT that is signed with its key, and is given a token', async () => {
  const services = testServices({}, { 'https://oauth2.googleapis.com/token': () => given }, nowMs);
  const token = await fetchToken(parseCredential(JSON.stringify(account), 'it'), services);
  assert.deepEqual(token, { value: 'ya29.x', expiresAtMs: nowMs + 3_599_000 });
  const form = new URLSearchParams(services.asked[0]!.body!);
  assert.equal(form.get('grant_type'), 'urn:ietf:params:oauth:grant-type:jwt-bearer');
  const [header = '', claims = '', signature = ''] = form.get('assertion')!.split('.');
  assert.deepEqual(decode(header), { alg: 'RS256', typ: 'JWT', kid: 'k1' });
  assert.deepEqual(decode(claims), {
    iss: account.client_email,
    scope: 'https://www.googleapis.com/auth/cloud-platform',
    aud: 'https://oauth2.googleapis.com/token',
    iat: 1_700_000_000,
    exp: 1_700_003_600,
  });
  const verify = createVerify('RSA-SHA256').update(`${header}.${claims}`);
  assert.ok(verify.verify(publicKey, signature, 'base64url'));
});

test("a user's refresh token is exchanged", async () => {
  const user = { type: 'authorized_user', client_id: 'c', client_secret: 's', refresh_token: 'r' };
  const services = testServices({}, { 'https://oauth2.googleapis.com/token': () => given });
  assert.equal((await fetchToken(parseCredential(JSON.stringify(user), 'it'), services)).value, 'ya29.x');
  const form = Object.fromEntries(new URLSearchParams(services.asked[0]!.body!));
  assert.deepEqual(form, {
    grant_type: 'refresh_token',
    client_id: 'c',
    client_secret: 's',
    refresh_token: 'r',
  });
});

test('without a credential in the settings: the named file, the file of gcloud, the machine', async () => {
  const servers = {
    'https://one.test/': () => ({ ...given, body: '{"access_token":"of-file"}' }),
    'https://two.test/': () => ({ ...given, body: '{"access_token":"of-gcloud"}' }),
    'http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token': () => given,
  };
  const file = join(home, 'account.json');
  writeFileSync(file, JSON.stringify({ ...account, token_uri: 'https://one.test/token' }));
  const tokenIn = async (env: Record<string, string>) => {
    const services = testServices({ HOME: home, ...env }, servers);
    return { token: (await fetchToken(null, services)).value, asked: services.asked[0]! };
  };
  const machine = await tokenIn({});
  assert.equal(machine.token, 'ya29.x');
  assert.deepEqual([machine.asked.headers, machine.asked.local], [['metadata-flavor', 'Google'], true]);
  mkdirSync(join(home, '.config', 'gcloud'), { recursive: true });
  writeFileSync(
    join(home, '.config', 'gcloud', 'application_default_credentials.json'),
    JSON.stringify({ ...account, token_uri: 'https://two.test/token' }),
  );
  assert.equal((await tokenIn({})).token, 'of-gcloud');
  assert.equal((await tokenIn({ GOOGLE_APPLICATION_CREDENTIALS: file })).token, 'of-file');
  await assert.rejects(
    tokenIn({ GOOGLE_APPLICATION_CREDENTIALS: join(home, 'none') }),
    /which does not exist/,
  );
  await assert.rejects(
    fetchToken(null, testServices({ HOME: join(home, 'nobody') })),
    /There are no credentials of Google Cloud: .*cannot be reached/,
  );
});

test('what is no token is told with what came, and no secret', async () => {
  const credential = parseCredential(JSON.stringify(account), 'it');
  const answering = (status: number, body: string) =>
    testServices({}, { 'https://oauth2.googleapis.com/': () => ({ status, body }) });
  await assert.rejects(
    fetchToken(credential, answering(400, '{"error":"invalid_grant","error_description":"Invalid JWT"}')),
    (error: unknown) =>
      error instanceof Fault &&
      error.code === 'upstream/credential' &&
      /answered 400: .*Invalid JWT/.test(error.message),
  );
  await assert.rejects(fetchToken(credential, answering(200, '{"id_token":"x"}')), /without access_token/);
  await assert.rejects(fetchToken(credential, answering(200, 'hello')), /no JSON object/);
});

test('credentials that are none are refused without being shown', () => {
  const refused: [unknown, RegExp][] = [
    ['{', /expected the JSON of a credential/],
    [
      { type: 'external_account' },
      /expected the type "service_account" or "authorized_user", got "external_account"/,
    ],
    [{ ...account, client_email: undefined }, /expected the text "client_email"/],
    [{ ...account, token_uri: 'ftp://x' }, /token_uri is no address/],
  ];
  for (const [value, message] of refused) {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    assert.throws(
      () => parseCredential(text, 'it'),
      (error: Error) => {
        assert.match(error.message, message);
        assert.ok(!error.message.includes('PRIVATE'));
        return true;
      },
    );
  }
  const broken = parseCredential(JSON.stringify({ ...account, private_key: 'nonsense' }), 'it');
  return assert.rejects(fetchToken(broken, testServices({})), /is no RSA key in PEM/);
});
