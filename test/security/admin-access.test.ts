/** The admin API against whoever should not use it, over real sockets, with a real gateway behind it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { parseDocument } from 'yaml';
import { startGatewayProcess, type GatewayProcess } from '../harness/gateway-process.ts';
import { adminToken } from '../harness/gateway.ts';

let gateway: GatewayProcess;
before(async () => {
  // No file: the store is the master, so that everything can be changed.
  gateway = await startGatewayProcess({ file: null });
});
after(() => gateway.remove());

async function ask(
  line: string,
  init: { headers?: Record<string, string>; body?: unknown; token?: string } = {},
) {
  const [method, path] = line.split(' ') as [string, string];
  const { token = adminToken, body, headers } = init;
  const answer = await fetch(gateway.adminUrl + path, {
    method,
    redirect: 'manual',
    headers: {
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const json: any = /json/.test(answer.headers.get('content-type') ?? '') && text ? JSON.parse(text) : null; // oxlint-disable-line no-explicit-any
  return { status: answer.status, headers: answer.headers, text, json };
}

test('security 44: no credential that anybody could know beforehand opens it', async () => {
  for (const token of [
    '',
    'admin',
    'password',
    'sluice',
    'changeme',
    'sluice-admin-',
    'sluice-token-',
    'null',
  ])
    assert.equal((await ask('GET /v1/keys', { token })).status, 401, token);
  for (const [user, password] of ['admin:admin', 'root:', 'admin:', 'sluice:sluice'].map((pair) =>
    pair.split(':'),
  )) {
    const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    const { status, headers } = await ask('GET /v1/keys', { token: '', headers: { authorization } });
    assert.equal(status, 401);
    assert.equal(headers.get('www-authenticate'), 'Bearer realm="sluice-admin"');
  }
  // The right one, anywhere but where it belongs.
  for (const headers of [
    { cookie: `sluice-session=${adminToken}` },
    { cookie: `__Host-sluice-session=${adminToken}` },
    { 'x-api-key': adminToken },
    { authorization: `bearer  ${adminToken} x` },
  ] as Record<string, string>[])
    assert.equal((await ask('GET /v1/keys', { token: '', headers })).status, 401, JSON.stringify(headers));
  assert.equal((await ask(`GET /v1/keys?access_token=${adminToken}`, { token: '' })).status, 401);
});

test('security 44: whose session or page another site uses changes nothing', async () => {
  const own = gateway.adminUrl;
  for (const headers of [
    { origin: 'http://evil.example' },
    { origin: 'null' },
    { origin: own.replace('127.0.0.1', 'localhost') },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' },
    { 'sec-fetch-site': 'same-site' },
  ] as Record<string, string>[]) {
    assert.equal((await ask('GET /v1/keys', { headers })).status, 403, JSON.stringify(headers));
    assert.equal((await ask('POST /v1/tokens', { headers, body: { name: 'x' } })).status, 403);
  }
  // What a form can send without a preflight is no JSON.
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])
    assert.ok(
      [400, 415].includes(
        (await ask('POST /v1/tokens', { headers: { 'content-type': type }, body: { name: 'x' } })).status,
      ),
    );
  assert.equal(
    (await ask('OPTIONS /v1/tokens', { headers: { 'sec-fetch-site': 'cross-site' } })).status,
    403,
  );
});

test('security 44: fields that nobody offered are refused, whatever they would do', async () => {
  const extra: object[] = [
    { master: 'file' },
    { sha256: 'a'.repeat(64) },
    { id: 'first-key' },
    { team: 'other' },
    { secret: 'chosen' },
    { revoked: true },
    { constructor: {} },
  ];
  for (const fields of extra) {
    const body = { name: 'x', project: 'default', ...fields };
    assert.equal((await ask('POST /v1/keys', { body })).status, 400, JSON.stringify(fields));
    assert.equal((await ask('PATCH /v1/keys/first-key', { body: { name: 'x', ...fields } })).status, 400);
  }
  for (const fields of [{ owner: 'user:ada' }, { kind: 'session' }, { madeAtMs: 1 }, { revoked: false }])
    assert.equal((await ask('POST /v1/tokens', { body: { name: 'x', ...fields } })).status, 400);
  const raw = await fetch(`${gateway.adminUrl}/v1/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    body: '{"name":"x","__proto__":{"scopes":[]}}',
  });
  assert.equal(raw.status, 400);
  assert.deepEqual((await ask('GET /v1/tokens')).json.tokens, []);
});

test('security 44: an id leads nowhere but to what it names', async () => {
  const ids = [
    '..%2f..%2fstatus',
    '%2e%2e',
    '..',
    '.',
    'first-key%00',
    'first-key%2f',
    '%5c..%5c',
    'constructor',
    '__proto__',
  ];
  for (const id of ids) {
    for (const line of [
      `GET /v1/keys/${id}`,
      `DELETE /v1/keys/${id}`,
      `DELETE /v1/tokens/${id}`,
      `GET /v1/receipts/${id}`,
      `GET /v1/config/versions/${id}`,
      `GET /v1/config/projects/${id}`,
      `DELETE /v1/events/dead-letters/${id}`,
    ])
      // What a client resolves by itself is another path, which has its own answer.
      assert.ok([400, 404].includes((await ask(line)).status) || /\/\.{1,2}$|%2e%2e$/.test(line), line);
  }
  assert.equal((await ask('GET /v1/keys/first-key')).json.revoked, false);
});

test('security 44: of two who change the same thing, the second hears of the first', async () => {
  const project = (team: string) => ({ team });
  const path = '/v1/config/projects/shop';
  const make = { 'if-none-match': '*' };
  assert.equal((await ask(`PUT ${path}`, { body: project('default') })).status, 428);
  await ask('PUT /v1/config/teams/default', { body: {}, headers: make });
  await ask('PUT /v1/config/teams/other', { body: {}, headers: make });
  const made = await ask(`PUT ${path}`, { body: project('default'), headers: make });
  assert.equal(made.status, 200, made.text);
  assert.equal((await ask(`PUT ${path}`, { body: project('other'), headers: make })).status, 412);
  const etag = (await ask(`GET ${path}`)).headers.get('etag')!;
  assert.equal(etag, made.headers.get('etag'));
  const both = await Promise.all(
    ['other', 'other'].map((team) =>
      ask(`PUT ${path}`, { body: project(team), headers: { 'if-match': etag } }),
    ),
  );
  assert.deepEqual(both.map(({ status }) => status).sort(), [200, 412]);
  for (const stale of [etag, '*', 'W/"x"', '""'])
    assert.equal((await ask(`DELETE ${path}`, { headers: { 'if-match': stale } })).status, 412, stale);
  assert.equal((await ask(`GET ${path}`)).json.value.team, 'other');

  const key = (await ask('GET /v1/keys/first-key')).headers.get('etag')!;
  const rename = (name: string) =>
    ask('PATCH /v1/keys/first-key', { body: { name }, headers: { 'if-match': key } });
  assert.equal((await rename('one')).status, 200);
  assert.equal((await rename('two')).status, 412);
});

test('security 44: who may write the configuration makes nobody an owner, nor reads the keys of the house', async () => {
  const make = async (role: string) =>
    (await ask('POST /v1/tokens', { body: { name: role, roles: [{ role, team: null }] } })).json
      .secret as string;
  const operator = await make('operator');
  const read = await ask('GET /v1/config', { token: operator });
  const headers = { 'if-match': read.headers.get('etag')! };
  const document = parseDocument(read.json.text);
  document.setIn(['admin', 'users'], { me: { roles: [{ role: 'owner' }] } });
  const admin = document.toString();
  assert.equal(
    (await ask('PUT /v1/config', { token: operator, headers, body: { text: admin } })).status,
    403,
  );
  const stolen = ['${env:SLUICE_ADMIN_TOKEN}', `\${file:${gateway.stateDirectory}/admin-token}`];
  for (const body of stolen) {
    const route = { match: { path: '/stolen' }, to: { static: { body } }, policies: [] };
    const made = await ask('PUT /v1/config/routes/stolen', {
      token: operator,
      headers: { 'if-none-match': '*' },
      body: route,
    });
    assert.equal(made.status, 400, made.text);
    assert.match(made.text, /never filled in/);
  }
});

test('security 44: who guesses is held back, and who was let in before is not', async () => {
  assert.equal((await ask('GET /v1/status')).status, 200);
  const statuses: number[] = [];
  for (let n = 0; n < 60; n++) statuses.push((await ask('GET /v1/keys', { token: `guess-${n}` })).status);
  assert.equal(statuses.at(-1), 429);
  assert.ok(statuses.every((status) => status === 401 || status === 429));
  const held = await ask('GET /v1/keys', { token: 'guess' });
  assert.match(held.headers.get('retry-after')!, /^[1-9]\d*$/);
  assert.equal((await ask('GET /v1/status')).status, 200, 'the right one goes on working');
  const fresh = await ask('POST /v1/tokens', { body: { name: 'fresh' } });
  assert.equal((await ask('GET /v1/keys', { token: fresh.json.secret })).status, 429, 'a new one waits');
});
