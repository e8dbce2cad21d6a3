/** Resources of the configuration, one by one, where the store is the master and where a file is. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startGatewayProcess, type GatewayProcess } from '../harness/gateway-process.ts';

const json = { 'content-type': 'application/json' };
const make = { ...json, 'if-none-match': '*' };

async function ask(
  gateway: GatewayProcess,
  line: string,
  init: { headers?: Record<string, string>; body?: unknown } = {},
) {
  const [method, path] = line.split(' ') as [string, string];
  const body = init.body === undefined ? null : JSON.stringify(init.body);
  const answer = await gateway.admin(path, { method, headers: { ...init.headers }, body });
  const text = await answer.text();
  const document: any = text ? JSON.parse(text) : null; // oxlint-disable-line no-explicit-any
  return { status: answer.status, etag: answer.headers.get('etag'), json: document };
}

test('where the store is the master, resources are made, changed, tried and removed one by one', async (t) => {
  const gateway = await startGatewayProcess({ file: null, env: { UPSTREAM_KEY: 'sk-upstream' } });
  t.after(() => gateway.remove());
  const route = (body: string) => ({ match: { path: '/page' }, to: { static: { body } }, policies: [] });
  const shown = async () => (await fetch(`${gateway.url}/page`)).text();

  const tried = await ask(gateway, 'PUT /v1/config/routes/page?before=llm&dryRun=true', {
    headers: make,
    body: route('one'),
  });
  assert.equal(tried.status, 200, JSON.stringify(tried.json));
  assert.deepEqual([tried.json.dryRun, tried.json.version], [true, null]);
  assert.deepEqual(
    tried.json.changes.map(({ path, change }: { path: string; change: string }) => [path, change]),
    [['routes[page]', 'added']],
  );
  assert.equal((await ask(gateway, 'GET /v1/config/routes/page')).status, 404);

  const made = await ask(gateway, 'PUT /v1/config/routes/page?before=llm', {
    headers: make,
    body: route('one'),
  });
  assert.deepEqual(
    [made.status, made.json.version, made.json.refusal],
    [200, 1, null],
    JSON.stringify(made.json),
  );
  assert.equal(await shown(), 'one');
  const names = (await ask(gateway, 'GET /v1/config/routes')).json.resources.map(
    (each: { name: string }) => each.name,
  );
  assert.deepEqual(names, ['page', 'llm']);
  const read = await ask(gateway, 'GET /v1/config/routes/page');
  assert.equal(read.etag, made.etag);
  const changed = await ask(gateway, 'PUT /v1/config/routes/page', {
    headers: { ...json, 'if-match': read.etag! },
    body: { ...read.json.value, ...route('two') },
  });
  assert.equal(changed.json.version, 2, JSON.stringify(changed.json));
  assert.equal(await shown(), 'two');
  assert.deepEqual(changed.json.changes, [
    { path: 'routes[page].to.static.body', change: 'changed', before: 'one', after: 'two' },
  ]);

  // References stay what they are, and secrets are never told.
  const provider = {
    dialect: 'openai-chat',
    baseUrl: 'http://127.0.0.1:1/v1',
    apiKey: '${env:UPSTREAM_KEY}',
  };
  const added = await ask(gateway, 'PUT /v1/config/providers/mine', { headers: make, body: provider });
  assert.equal(added.status, 200, JSON.stringify(added.json));
  assert.deepEqual((await ask(gateway, 'GET /v1/config/providers/mine')).json.value, provider);
  const literal = await ask(gateway, 'PUT /v1/config/providers/other', {
    headers: make,
    body: { ...provider, apiKey: 'sk-literal' },
  });
  assert.equal(literal.status, 400);
  assert.match(literal.json.findings[0].message, /is a secret/);
  assert.ok(!JSON.stringify(literal.json).includes('sk-literal'));

  // The whole document is checked: what others need stays.
  await ask(gateway, 'PUT /v1/config/teams/shop', { headers: make, body: {} });
  await ask(gateway, 'PUT /v1/config/projects/web', { headers: make, body: { team: 'shop' } });
  const team = (await ask(gateway, 'GET /v1/config/teams/shop')).etag!;
  const needed = await ask(gateway, 'DELETE /v1/config/teams/shop', { headers: { 'if-match': team } });
  assert.deepEqual([needed.status, needed.json.findings[0].path], [400, 'projects.web.team']);
  const wrong = await ask(gateway, 'PUT /v1/config/upstreams/u?dryRun=true', {
    headers: make,
    body: { target: [] },
  });
  assert.equal(wrong.status, 400);
  assert.match(JSON.stringify(wrong.json.findings), /targets/);
  assert.equal(
    (await ask(gateway, 'PUT /v1/config/routes/page', { headers: make, body: { name: 'x' } })).status,
    400,
  );
  assert.equal((await ask(gateway, 'PUT /v1/config/secrets/x', { headers: make, body: {} })).status, 404);

  // Pages go on where the one before ended.
  for (const name of ['a', 'b', 'c'])
    await ask(gateway, `PUT /v1/config/models/${name}`, { headers: make, body: { targets: ['mine/m'] } });
  const seen: string[] = [];
  let next = '';
  do {
    const page = await ask(gateway, `GET /v1/config/models?limit=2${next && `&cursor=${next}`}`);
    seen.push(...page.json.resources.map(({ name }: { name: string }) => name));
    next = page.json.next ?? '';
  } while (next);
  assert.deepEqual(
    seen.filter((name) => ['a', 'b', 'c'].includes(name)),
    ['a', 'b', 'c'],
  );
  assert.equal(new Set(seen).size, seen.length);
  assert.equal((await ask(gateway, 'GET /v1/config/models?cursor=bm90aGluZw')).status, 400);
  const versions = (await ask(gateway, 'GET /v1/config/versions?limit=2')).json;
  const [latest] = versions.versions;
  assert.deepEqual([latest.author, latest.comment], ['admin', 'adds models.c']);
  const older = (await ask(gateway, `GET /v1/config/versions?limit=1000&cursor=${versions.next}`)).json;
  assert.equal(older.versions[0].version, latest.version - 2);
  assert.equal(older.next, undefined);

  const last = (await ask(gateway, 'GET /v1/config/routes/page')).etag!;
  const gone = await ask(gateway, 'DELETE /v1/config/routes/page', { headers: { 'if-match': last } });
  assert.deepEqual([gone.status, gone.etag], [200, null], JSON.stringify(gone.json));
  assert.notEqual(await shown(), 'two');

  // A key changes over without an interruption, and stays the same one.
  const models = async (key: string) =>
    (await fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status;
  const before = readFileSync(join(gateway.stateDirectory, 'first-key'), 'utf8').trim();
  const rotate = (overlap: string) => gateway.sluice('keys', 'rotate', 'first-key', '--overlap', overlap);
  const rotated = await rotate('1h');
  assert.match(rotated.out, /^sk-sluice-\w{32}\n$/, rotated.err);
  const now = rotated.out.trim();
  assert.deepEqual([await models(before), await models(now)], [200, 200]);
  const newest = (await rotate('0')).out.trim();
  assert.deepEqual([await models(before), await models(now), await models(newest)], [401, 401, 200]);
  const renamed = await ask(gateway, 'PATCH /v1/keys/first-key', {
    headers: json,
    body: { name: 'ours', expiresAtMs: Date.now() - 1 },
  });
  assert.deepEqual([renamed.status, renamed.json.name], [200, 'ours']);
  assert.equal(await models(newest), 401, 'it has expired');

  // The same by the command line's tokens.
  const token = await gateway.sluice(
    'tokens',
    'create',
    'ci',
    '--role',
    'operator',
    '--scopes',
    'config.read',
  );
  assert.match(token.out, /^sluice-token-[0-9A-Za-z]{32}\n$/, token.err);
  const listed = await gateway.sluice('tokens', 'list');
  const id = /^(token-\w+) +ci +ci +operator +config\.read /m.exec(listed.out)![1]!;
  const secret = { authorization: `Bearer ${token.out.trim()}` };
  assert.equal((await ask(gateway, 'GET /v1/config/routes', { headers: secret })).status, 200);
  assert.equal((await ask(gateway, 'GET /v1/keys', { headers: secret })).status, 403);
  assert.match((await gateway.sluice('tokens', 'revoke', id)).out, /lets nobody in/);
  assert.equal((await ask(gateway, 'GET /v1/config/routes', { headers: secret })).status, 401);
});

test('where a file is the master, what was wished is told as changes to make there', async (t) => {
  const gateway = await startGatewayProcess({
    file: {
      providers: { a: { kind: 'anthropic', apiKey: 'sk-literal', headers: { 'x-region': 'eu' } } },
      routes: [{ name: 'page', match: { path: '/page' }, to: { static: { body: 'one' } }, policies: [] }],
      teams: { shop: {} },
    },
  });
  t.after(() => gateway.remove());
  const made = await ask(gateway, 'PUT /v1/config/projects/web', { headers: make, body: { team: 'shop' } });
  assert.equal(made.status, 409);
  assert.deepEqual(made.json.changes, [
    { path: 'projects', change: 'added', before: null, after: { web: { team: 'shop' } } },
  ]);
  const provider = await ask(gateway, 'GET /v1/config/providers/a');
  assert.equal(provider.json.value.apiKey, '[hidden]');
  const tried = await ask(gateway, 'PUT /v1/config/providers/a?dryRun=true', {
    headers: { ...json, 'if-match': provider.etag! },
    body: { ...provider.json.value, defaultMaxOutputTokens: 100 },
  });
  assert.deepEqual(
    tried.json.changes,
    [{ path: 'providers.a.defaultMaxOutputTokens', change: 'added', before: null, after: 100 }],
    JSON.stringify(tried.json),
  );
  assert.ok(!JSON.stringify([provider, tried, made]).includes('sk-literal'));
  const removed = await ask(gateway, 'DELETE /v1/config/routes/page', {
    headers: { 'if-match': (await ask(gateway, 'GET /v1/config/routes/page')).etag! },
  });
  assert.equal(removed.status, 409);
  assert.match(removed.json.detail, /mastered by its file/);
});
