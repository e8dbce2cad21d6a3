import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startSimulator, type Simulator } from '../../simulator/server.ts';
import { adminToken, startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

let simulator: Simulator;
let gateway: TestGateway;
const part = (name: string, weight: number, more: object = {}) => ({
  name,
  weight,
  to: { static: { body: name } },
  ...more,
});
const shop = (weights: readonly [number, number]) => ({
  split: [
    part('stable', weights[0]),
    part('canary', weights[1], { when: { headers: { 'x-canary': 'yes' } } }),
    part('inner', 0, { when: { cookies: { tester: true } } }),
  ],
});
const config = {
  policies: [{ 'key-auth': {} }],
  routes: [
    ...[
      ['header', 'header:X-User'],
      ['cookie', 'cookie:lane'],
      ['key', 'key'],
      ['client', 'client'],
    ].map(([name, stickyBy]) => ({
      name,
      match: { path: `/${name}` },
      to: { ...shop([50, 50]), stickyBy },
      policies: name === 'key' ? ['default'] : [],
    })),
    { name: 'chance', match: { path: '/chance' }, to: shop([50, 50]), policies: [] },
    {
      name: 'models',
      match: { path: '/v1/**' },
      to: {
        split: [part('a', 1, { to: { llm: { models: ['gpt-sim'] } } }), part('b', 0, { to: { llm: {} } })],
      },
    },
  ] as object[],
};

before(async () => {
  simulator = await startSimulator({ port: 0 });
  (config.routes as object[]).push({
    name: 'servers',
    match: { path: '/s/**' },
    policies: [],
    to: {
      split: [
        part('one', 1, { to: { http: simulator.url, rewrite: { path: '/echo/one/{**}' } } }),
        part('two', 0, {
          when: { query: { v: '2' } },
          to: { http: simulator.url, rewrite: { path: '/echo/two/{**}' } },
        }),
      ],
    },
  });
  gateway = await startTestGateway({ simulator, threads: 2, config });
});
after(async () => {
  await gateway.stop();
  await simulator.close();
});

const ask = (path: string, headers: Record<string, string> = {}) => fetch(gateway.url + path, { headers });
const partOf = async (path: string, headers: Record<string, string> = {}) =>
  (await ask(path, headers)).text();

test('conditions come before weights, and a part without weight is reached by them alone', async () => {
  for (let i = 0; i < 10; i++) {
    assert.equal(await partOf('/header', { 'x-user': `u${i}`, 'x-canary': 'yes' }), 'canary');
    assert.equal(await partOf('/header', { 'x-user': `u${i}`, cookie: 'tester=1' }), 'inner');
    assert.notEqual(await partOf('/header', { 'x-user': `u${i}` }), 'inner');
  }
});

test('a caller stays with a part, on every thread and connection', async () => {
  const found = new Set<string>();
  for (let i = 0; i < 12; i++) {
    const headers = { 'x-user': `u${i}`, connection: 'close' };
    const first = await partOf('/header', headers);
    found.add(first);
    for (let again = 0; again < 4; again++) assert.equal(await partOf('/header', headers), first);
  }
  assert.equal(found.size, 2);
  for (const path of ['/client', '/key']) {
    const headers = { authorization: `Bearer ${testKey}`, connection: 'close' };
    const first = await partOf(path, headers);
    for (let again = 0; again < 8; again++) assert.equal(await partOf(path, headers), first);
  }
});

test('without anything to go by, chance decides each time', async () => {
  for (const path of ['/chance', '/header']) {
    const found = new Set<string>();
    for (let i = 0; i < 60 && found.size < 2; i++) found.add(await partOf(path));
    assert.equal(found.size, 2, path);
  }
});

test('a missing cookie is set, and keeps its bearer with the part', async () => {
  const first = await ask('/cookie');
  const cookie = first.headers.get('set-cookie')!;
  assert.match(cookie, /^lane=[0-9a-f-]{36}; Path=\/; HttpOnly; SameSite=Lax$/);
  const chosen = await first.text();
  for (let i = 0; i < 6; i++) {
    const again = await ask('/cookie', { cookie: `a=b; ${cookie.split(';')[0]}` });
    assert.equal(again.headers.get('set-cookie'), null);
    assert.equal(await again.text(), chosen);
  }
});

test('parts lead to servers, each with its own settings, and to models', async () => {
  const url = async (path: string) => ((await (await ask(path)).json()) as { url: string }).url;
  assert.equal(await url('/s/x'), '/echo/one/x');
  assert.equal(await url('/s/x?v=2'), '/echo/two/x?v=2');
  const refused = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', body: '{}' });
  assert.equal(refused.status, 401);
  assert.ok(((await refused.json()) as { error: { message: string } }).error.message, 'in the dialect');
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-sim', messages: [{ role: 'user', content: 'hi' }] }),
  });
  assert.equal(answer.status, 200);
  await answer.arrayBuffer();
});

test('explain shows the shares', async () => {
  const answer = await gateway.admin('/v1/explain', {
    method: 'POST',
    headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ method: 'GET', url: `${gateway.url}/header` }),
  });
  assert.equal(answer.status, 200);
  const { targets } = (await answer.json()) as { targets: string[] };
  assert.equal(targets[0], 'stable: 50 % → static 200');
  assert.equal(targets[1], 'canary: 50 %, and all with header x-canary "yes" → static 200');
});
