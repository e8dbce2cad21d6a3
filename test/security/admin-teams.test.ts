/** A whole gateway with two teams: what is blue is not there for who has roles for red only. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { roles } from '#core/principal.ts';
import { adminToken, startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

/** In every name of what is blue. */
const mark = 'azure';
let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway({
    config: {
      admin: { port: 0, users: { grace: { roles: [{ role: 'operator', team: 'red' }] } } },
      teams: { red: {}, [`team-${mark}`]: {} },
      projects: { web: { team: 'red' }, [`project-${mark}`]: { team: `team-${mark}` } },
      consumers: { mine: { project: 'web' }, [`consumer-${mark}`]: { project: `project-${mark}` } },
      keys: {
        tester: { project: 'web', secret: testKey },
        [`key-${mark}`]: { project: `project-${mark}`, secret: 'sk-blue-0123456789abcdef' },
      },
    },
  });
});
after(() => gateway.stop());

type Asked = [line: string, token: string, body?: unknown, headers?: Record<string, string>];

async function ask(...[line, token, body, headers]: Asked) {
  const [method, path] = line.split(' ') as [string, string];
  const answer = await fetch(gateway.adminUrl + path, {
    method,
    redirect: 'manual',
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const json: any = /json/.test(answer.headers.get('content-type') ?? '') && text ? JSON.parse(text) : null; // oxlint-disable-line no-explicit-any
  return { status: answer.status, headers: answer.headers, text, json };
}

async function tokenFor(role: string, team: string | null, more: object = {}): Promise<string> {
  const wish = { name: `${role} of ${team}`, roles: [{ role, team }], ...more };
  const made = await ask('POST /v1/tokens', adminToken, wish);
  assert.equal(made.status, 201, made.text);
  return made.json.secret;
}

async function callWith(key: string): Promise<string> {
  const answer = await fetch(`${gateway.url}/api/json`, { headers: { authorization: `Bearer ${key}` } });
  await answer.arrayBuffer();
  return answer.headers.get('x-sluice-exchange')!;
}

test('security 57: an id sweep over every operation of the admin API as another team', async () => {
  const blue = await ask('POST /v1/keys', adminToken, { name: `made-${mark}`, project: `project-${mark}` });
  const red = await ask('POST /v1/keys', adminToken, { name: 'made', project: 'web' });
  const [blueReceipt, redReceipt] = [await callWith('sk-blue-0123456789abcdef'), await callWith(testKey)];
  const receiptOf = async (id: string, token: string) => (await ask(`GET /v1/receipts/${id}`, token)).status;
  for (const until = Date.now() + 30_000; (await receiptOf(blueReceipt, adminToken)) !== 200;)
    assert.ok(Date.now() < until, 'the receipt is not on the books');
  const blueToken = await ask('POST /v1/tokens', adminToken, { name: `token-${mark}` });
  const allBefore = await everything();

  const { paths } = (await ask('GET /openapi.json', adminToken)).json as {
    paths: Record<string, Record<string, { 'x-permission': string | null }>>;
  };
  const ids = [
    blue.json.key.id,
    `file:key-${mark}`,
    blueReceipt,
    blueToken.json.token.id,
    ...['team', 'project', 'consumer', 'key'].map((kind) => `${kind}-${mark}`),
  ];
  let tried = 0;
  for (const role of roles) {
    const token = await tokenFor(role, 'red');
    for (const [path, methods] of Object.entries(paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        if (operation['x-permission'] === null || path === '/v1/session') continue;
        for (const id of path.includes('{') ? ids : ['']) {
          const line = `${method.toUpperCase()} ${path.replace(/\{\w+\}/, encodeURIComponent(id))}`;
          for (const { body, headers } of wishesFor(method, path)) {
            const { status, text } = await ask(line, token, body, headers);
            const about = `${role} of red: ${line} ${JSON.stringify(body ?? '')}: ${status} ${text}`;
            tried += 1;
            // A refusal may name what was asked for; nothing else is told.
            const isNamed = path.includes('{') || JSON.stringify(body ?? '').includes(mark);
            if (isNamed) assert.ok([400, 403, 404, 412, 428].includes(status), about);
            else assert.ok(!text.includes(mark), about);
            assert.ok(status !== 401 && status < 500, about);
          }
        }
      }
    }
    // What is its own it sees.
    const keys = await ask('GET /v1/keys', token);
    if (keys.status === 200) {
      const names = keys.json.keys.map(({ name }: { name: string }) => name);
      assert.deepEqual(names.sort(), ['made', 'tester']);
      assert.equal((await ask(`GET /v1/keys/${red.json.key.id}`, token)).status, 200);
    }
    assert.equal(await receiptOf(redReceipt, token), 200);
    for (const by of ['project', 'team', 'key', 'model', 'day', 'service', 'project,team']) {
      const usage = await ask(`GET /v1/usage?by=${by}&project=project-${mark}`, token);
      assert.deepEqual([usage.status, usage.json], [200, { usage: [] }], by);
      assert.ok(!(await ask(`GET /v1/usage?by=${by}`, token)).text.includes(mark));
    }
    const projects = await ask('GET /v1/config/projects', token);
    assert.deepEqual(
      projects.json.resources.map(({ name }: { name: string }) => name),
      ['web'],
    );
  }
  assert.ok(tried > 400, `${tried}`);
  assert.deepEqual(await everything(), allBefore, 'what is blue is as it was');

  async function everything() {
    const lists = ['keys', 'config/projects', 'config/consumers', 'config/keys', 'config/teams'].map((path) =>
      ask(`GET /v1/${path}`, adminToken),
    );
    const all = (await Promise.all(lists)).map(({ json }) => json);
    const tokens = (await ask('GET /v1/tokens', adminToken)).json.tokens as { name: string }[];
    return [all, tokens.filter(({ name }) => name.includes(mark))];
  }
});

function wishesFor(method: string, path: string): { body?: unknown; headers?: Record<string, string> }[] {
  if (method === 'get' || method === 'delete')
    return [{}, ...(method === 'delete' ? [{ headers: { 'if-match': '"x"' } }] : [])];
  if (path === '/v1/keys') return [{ body: { name: 'stolen', project: `project-${mark}` } }];
  if (path.endsWith('/rotate')) return [{ body: {} }];
  if (path === '/v1/keys/{id}') return [{ body: { name: 'stolen' } }];
  if (path === '/v1/tokens')
    return [
      { body: { name: 'x', roles: [{ role: 'owner', team: null }] } },
      { body: { name: 'x', roles: [{ role: 'developer', team: `team-${mark}` }] } },
      { body: { name: 'x', user: 'anybody' } },
      { body: { name: 'x', roles: [{ role: 'operator', team: null }] } },
    ];
  if (!path.includes('/config/')) return [{ body: {} }];
  return [
    { body: { project: 'web', team: 'red' }, headers: { 'if-match': '"x"' } },
    { body: { project: `project-${mark}`, team: `team-${mark}` }, headers: { 'if-none-match': '*' } },
  ];
}

test('what a team’s operator changes stays its team’s, and no token has more than its maker', async () => {
  const service = await tokenFor('operator', 'red');
  assert.equal((await ask('POST /v1/tokens', service, { name: 'x' })).status, 403);
  const operator = await tokenFor('operator', 'red', { roles: undefined, user: 'grace' });
  for (const [body, status] of [
    [{ name: 'a', roles: [{ role: 'developer', team: 'red' }] }, 201],
    [{ name: 'b', roles: [{ role: 'operator', team: 'red' }], scopes: ['keys.read'] }, 201],
    [{ name: 'c', roles: [{ role: 'operator', team: null }] }, 403],
    [{ name: 'd', roles: [{ role: 'owner', team: 'red' }] }, 201],
    [{ name: 'e', roles: [{ role: 'developer', team: `team-${mark}` }] }, 403],
    [{ name: 'f', expiresAtMs: Date.now() + 400 * 86_400_000 }, 400],
    [{ name: 'g', owner: 'admin-token' }, 400],
    [{ name: 'h', scopes: ['everything'] }, 400],
  ] as const)
    assert.equal((await ask('POST /v1/tokens', operator, body)).status, status, JSON.stringify(body));
  const limited = await ask('POST /v1/tokens', operator, { name: 'i', scopes: ['keys.read', 'self'] });
  const [{ secret }, listed] = [limited.json, await ask('GET /v1/tokens', operator)];
  assert.ok(!listed.text.includes(secret));
  assert.equal((await ask('GET /v1/keys', secret)).status, 200);
  assert.equal((await ask('POST /v1/keys', secret, { name: 'k', project: 'web' })).status, 403);
  const wider = await ask('POST /v1/tokens', secret, { name: 'j', scopes: ['keys.write'] });
  assert.equal(wider.status, 403);
  const same = await ask('POST /v1/tokens', secret, { name: 'j' });
  assert.deepEqual(same.json.token.scopes, ['keys.read', 'self']);

  const session = (await ask('GET /v1/session', operator)).json;
  assert.deepEqual(session.permissions['keys.write'], ['red']);
  assert.equal(session.permissions['config.write'], undefined);
  assert.equal((await ask(`DELETE /v1/tokens/${limited.json.token.id}`, operator)).status, 204);
  assert.equal((await ask('GET /v1/keys', secret)).status, 401);
});
