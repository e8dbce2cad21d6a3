import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { testServices } from '../testing/test-services.ts';
import { findCredentials } from './credentials.ts';

let home = '';
before(() => {
  home = mkdtempSync(join(tmpdir(), 'sluice-aws-'));
  mkdirSync(join(home, '.aws'));
});
after(() => rmSync(home, { recursive: true }));

const settings = { region: 'eu-west-1' };
const environment = { AWS_ACCESS_KEY_ID: 'AKENV', AWS_SECRET_ACCESS_KEY: 'env-secret' };
const expiration = '2026-11-24T05:00:00Z';
const temporary = (id: string) => ({
  status: 200,
  body: JSON.stringify({ AccessKeyId: id, SecretAccessKey: 's', Token: 't', Expiration: expiration }),
});
const idOf = async (...of: Parameters<typeof findCredentials>) =>
  (await findCredentials(...of)).value.accessKeyId;

function writeFiles(credentials: string, config: string): void {
  writeFileSync(join(home, '.aws', 'credentials'), credentials);
  writeFileSync(join(home, '.aws', 'config'), config);
}

test('what is configured goes before all else', async () => {
  writeFiles('[default]\naws_access_key_id = AKFILE\naws_secret_access_key = s\n', '');
  const own = { ...settings, accessKeyId: 'AKOWN', secretAccessKey: 'x', sessionToken: 'y' };
  assert.deepEqual(await findCredentials(own, testServices({ HOME: home, ...environment })), {
    value: { accessKeyId: 'AKOWN', secretAccessKey: 'x', sessionToken: 'y' },
    expiresAtMs: null,
  });
});

test('the environment goes before the file, a named profile before the environment', async () => {
  writeFiles(
    '[default]\naws_access_key_id = AKFILE\naws_secret_access_key = s\n' +
      '[work]\naws_access_key_id=AKWORK\naws_secret_access_key=a=b/c+d  # comment\naws_session_token = tok\n',
    '',
  );
  const env = { HOME: home, ...environment };
  assert.equal(await idOf(settings, testServices(env)), 'AKENV');
  assert.equal(await idOf(settings, testServices({ HOME: home })), 'AKFILE');
  assert.equal(await idOf(settings, testServices({ ...env, AWS_PROFILE: 'work' })), 'AKWORK');
  const { value, expiresAtMs } = await findCredentials({ ...settings, profile: 'work' }, testServices(env));
  assert.deepEqual(value, { accessKeyId: 'AKWORK', secretAccessKey: 'a=b/c+d', sessionToken: 'tok' });
  assert.equal(expiresAtMs, 900_000, 'files are read again');
  await assert.rejects(
    findCredentials({ ...settings, profile: 'other' }, testServices(env)),
    /The profile "other" has no aws_access_key_id/,
  );
});

test('the configuration file has profiles of its own, and files may lie elsewhere', async () => {
  writeFiles(
    '',
    '[profile dev]\nregion = x\ns3 =\n  max = 1\naws_access_key_id = AKDEV\naws_secret_access_key = s\n[profile z]\n',
  );
  assert.equal(await idOf({ ...settings, profile: 'dev' }, testServices({ HOME: home })), 'AKDEV');
  const elsewhere = join(home, 'elsewhere');
  writeFileSync(elsewhere, '[default]\naws_access_key_id = AKELSE\naws_secret_access_key = s\n');
  assert.equal(
    await idOf(settings, testServices({ HOME: home, AWS_SHARED_CREDENTIALS_FILE: elsewhere })),
    'AKELSE',
  );
});

test('a token in a file is exchanged for a role', async () => {
  writeFiles('', '');
  const file = join(home, 'token');
  writeFileSync(file, 'web-token\n');
  const env = { HOME: home, AWS_WEB_IDENTITY_TOKEN_FILE: file, AWS_ROLE_ARN: 'arn:aws:iam::1:role/r' };
  const xml =
    '<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><SessionToken>t\n</SessionToken>' +
    `<SecretAccessKey>s</SecretAccessKey><Expiration>${expiration}</Expiration><AccessKeyId>ASIAWEB</AccessKeyId>` +
    '</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>';
  const services = testServices(env, {
    'https://sts.eu-west-1.amazonaws.com/': () => ({ status: 200, body: xml }),
  });
  assert.deepEqual(await findCredentials(settings, services), {
    value: { accessKeyId: 'ASIAWEB', secretAccessKey: 's', sessionToken: 't' },
    expiresAtMs: Date.parse(expiration),
  });
  const form = new URLSearchParams(services.asked[0]!.body!);
  assert.deepEqual(
    ['Action', 'RoleArn', 'WebIdentityToken'].map((name) => form.get(name)),
    ['AssumeRoleWithWebIdentity', 'arn:aws:iam::1:role/r', 'web-token'],
  );
  const refused = testServices(env, {
    'https://sts.': () => ({ status: 403, body: '<Error><Message>Not authorized</Message></Error>' }),
  });
  await assert.rejects(findCredentials(settings, refused), /It answered 403: Not authorized/);
});

test("a container's role, from its own addresses or by https alone", async () => {
  const env = {
    HOME: home,
    AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://169.254.170.23/v1/credentials',
    AWS_CONTAINER_AUTHORIZATION_TOKEN: 'pod',
  };
  const services = testServices(env, { 'http://169.254.170.23/': () => temporary('ASIAPOD') });
  const found = await findCredentials(settings, services);
  assert.deepEqual([found.value.accessKeyId, found.expiresAtMs], ['ASIAPOD', Date.parse(expiration)]);
  assert.ok(services.asked[0]!.headers.includes('pod'));
  assert.equal(services.asked[0]!.local, true);
  const ecs = testServices(
    { HOME: home, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/x' },
    {
      'http://169.254.170.2/v2/x': () => temporary('ASIAECS'),
    },
  );
  assert.equal(await idOf(settings, ecs), 'ASIAECS');
  const elsewhere = testServices({ ...env, AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://evil.test/' });
  await assert.rejects(findCredentials(settings, elsewhere), /names evil.test: expected https/);
  assert.equal(elsewhere.asked.length, 0);
});

test("an instance's role, by the metadata service's second version", async () => {
  const services = testServices(
    { HOME: home },
    {
      'http://169.254.169.254/latest/api/token': () => ({ status: 200, body: 'session' }),
      'http://169.254.169.254/latest/meta-data/iam/security-credentials/my-role': () => temporary('ASIAEC2'),
      'http://169.254.169.254/latest/meta-data/iam/security-credentials/': () => ({
        status: 200,
        body: 'my-role\n',
      }),
    },
  );
  assert.equal(await idOf(settings, services), 'ASIAEC2');
  assert.deepEqual(
    services.asked.map(({ method }) => method),
    ['PUT', 'GET', 'GET'],
  );
  assert.ok(services.asked.slice(1).every(({ headers }) => headers.includes('session')));
});

test('where there are none, it is said where they were looked for', async () => {
  for (const [env, asks] of [
    [{ HOME: home }, 1],
    [{ HOME: home, AWS_EC2_METADATA_DISABLED: 'true' }, 0],
  ] as const) {
    const services = testServices(env);
    await assert.rejects(
      findCredentials(settings, services),
      /There are no AWS credentials: not in the provider/,
    );
    assert.equal(services.asked.length, asks);
  }
});
