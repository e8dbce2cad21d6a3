import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { startSimulator, type Simulator } from '../../simulator/server.ts';
import { sendRaw } from '../harness/raw-socket.ts';

let simulator: Simulator;
let gateway: TestGateway;

const matches: Record<string, object> = {
  beta: { path: '/echo/{service}/**', headers: { 'X-Beta': 'yes' } },
  curl: { path: '/echo/{service}/**', headers: { 'user-agent': { prefix: 'curl/' } } },
  paged: { path: '/echo/{service}/**', query: { page: { pattern: '[0-9]+' }, all: false } },
  session: { path: '/echo/{service}/**', cookies: { session: true } },
  office: { path: '/echo/{service}/**', clients: ['203.0.113.0/24', '2001:db8::/32'] },
  version: { path: { pattern: '^/echo/v[0-9]+/users$' } },
  order: { path: '/echo/users/{id}/orders/{order}', methods: ['GET'] },
  host: { host: '*.echo.test', path: '/**' },
  mutation: {
    path: '/echo/graphql',
    methods: ['POST', 'GET'],
    graphql: { types: ['mutation'], names: ['Pay*'] },
  },
  reading: { path: '/echo/graphql', methods: ['POST', 'GET'], graphql: { types: ['query'] } },
};

before(async () => {
  simulator = await startSimulator({ port: 0 });
  gateway = await startTestGateway({
    simulator,
    config: {
      listen: { port: 0, trustedProxies: ['127.0.0.1'] },
      policies: [{ 'key-auth': {} }],
      models: { quick: { targets: ['o/gpt-sim'] } },
      routes: [
        { name: 'small', match: { path: '/v1/**', models: ['gpt-sim'] }, to: { llm: {} } },
        { name: 'claude', match: { path: '/v1/**', models: ['claude-*'] }, to: { llm: { strict: true } } },
        ...Object.entries(matches).map(([name, match]) => ({
          name,
          match,
          to: { http: simulator.url },
          policies: [{ 'set-headers': { response: { set: { 'x-route': name } } } }].filter(
            () => !('graphql' in match),
          ),
        })),
      ],
    },
  });
});
after(async () => {
  await gateway.stop();
  await simulator.close();
});

async function routeOf(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<string> {
  const answer = await fetch(gateway.url + path, { method, headers });
  await answer.arrayBuffer();
  return answer.headers.get('x-route') ?? String(answer.status);
}

test('headers, query, cookies, addresses, patterns and parameters each choose their route', async () => {
  assert.equal(await routeOf('/echo/a/b', { 'x-beta': 'yes' }), 'beta');
  assert.equal(await routeOf('/echo/a/b', { 'x-beta': 'Yes' }), '404');
  assert.equal(await routeOf('/echo/a', { 'user-agent': 'curl/8' }), 'curl');
  assert.equal(await routeOf('/echo/a?p%61ge=12'), 'paged');
  assert.equal(await routeOf('/echo/a?page=12x'), '404');
  assert.equal(await routeOf('/echo/a?page=12&all'), '404');
  assert.equal(await routeOf('/echo/a', { cookie: 'a=b; session=' }), 'session');
  assert.equal(await routeOf('/echo/a', { 'x-forwarded-for': '203.0.113.9' }), 'office');
  assert.equal(await routeOf('/echo/a', { 'x-forwarded-for': '2001:db8::9' }), 'office');
  assert.equal(await routeOf('/echo/a', { 'x-forwarded-for': '198.51.100.1' }), '404');
  assert.equal(await routeOf('/echo/v12/users'), 'version');
  assert.equal(await routeOf('/echo/v12/users/'), '404');
  assert.equal(await routeOf('/echo/users/1/orders/2'), 'order');
  assert.equal(await routeOf('/echo/users/1/orders'), '404');
});

test('HEAD goes where GET goes; another method is told which there are', async () => {
  assert.equal(await routeOf('/echo/users/1/orders/2', {}, 'HEAD'), 'order');
  const refused = await fetch(`${gateway.url}/echo/users/1/orders/2`, { method: 'DELETE' });
  assert.equal(refused.status, 405);
  assert.equal(refused.headers.get('allow'), 'GET, HEAD');
});

test('security 15: what a route is chosen by and came twice is refused, where the route would have been the one', async () => {
  const send = async (lines: string, target = '/echo/a') => {
    const request = `GET ${target} HTTP/1.1\r\nHost: x\r\n${lines}Connection: close\r\n\r\n`;
    return String((await sendRaw(gateway.port, request)).status);
  };
  assert.equal(await send('X-Beta: yes\r\nX-Beta: no\r\n'), '400');
  assert.equal(await send('X-Beta: yes\r\nX-Beta: yes\r\n'), '400');
  assert.equal(await send('', '/echo/a?page=1&page=2'), '400');
  assert.equal(await send('', '/echo/a?page=1&%70age=2'), '400');
  assert.equal(await send('X-Beta: a\r\nX-Beta: b\r\n', '/echo'), '404');
});

describe('GraphQL', () => {
  const authorization = `Bearer ${testKey}`;
  const ask = async (body: unknown, init: { path?: string; headers?: Record<string, string> } = {}) => {
    const answer = await fetch(gateway.url + (init.path ?? '/echo/graphql'), {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...init.headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await answer.text();
    return { status: answer.status, id: answer.headers.get('x-sluice-exchange')!, text };
  };
  const explained = async (body: string) => {
    const answer = await gateway.admin('/v1/explain', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ method: 'POST', url: '/echo/graphql', headers: ['content-length', '1'], body }),
    });
    return (await answer.json()) as { route: string | null; fault: { code: string } | null };
  };

  test('the operation chooses, and the body goes on as it came', async () => {
    const pay = JSON.stringify({ query: 'query A { a } mutation PayBill { b }', operationName: 'PayBill' });
    const answer = await ask(pay);
    assert.equal(answer.status, 200);
    assert.equal((JSON.parse(answer.text) as { body: string }).body, pay);
    assert.equal((await explained(pay)).route, 'mutation');
    assert.equal((await explained('{"query":"{ a }"}')).route, 'reading');
    assert.equal((await explained('{"query":"mutation Other { a }"}')).fault?.code, 'route/not-found');
    assert.equal((await ask({ query: 'mutation Other { a }' })).status, 404);
    const get = await fetch(`${gateway.url}/echo/graphql?query=${encodeURIComponent('{ a }')}`);
    assert.equal(get.status, 200);
  });

  test('what two servers would read as two operations is refused', async () => {
    const refused: [unknown, string?][] = [
      ['{"query":"{ a }","query":"mutation PayA { a }"}'],
      ['{"query":"{ a }","\\u0071uery":"mutation PayA { a }"}'],
      [[{ query: '{ a }' }, { query: 'mutation PayA { a }' }]],
      [{ query: 'query A { a } mutation PayA { a }' }],
      [{ query: 'query A { a } query A { b }', operationName: 'A' }],
      [{ query: '{ a }' }, '/echo/graphql?query=mutation+PayA+{+a+}'],
      [{ query: '{ a' }],
      [{ query: ['{ a }'] }],
      ['nonsense'],
    ];
    for (const [body, path] of refused)
      assert.equal((await ask(body, path ? { path } : {})).status, 400, JSON.stringify(body));
    assert.equal((await ask('x', { headers: { 'content-encoding': 'gzip' } })).status, 400);
    assert.equal((await ask('x', { headers: { 'content-encoding': 'compress' } })).status, 415);
  });

  test('a packed body is chosen by what is in it, goes on packed, and may not be larger than the route allows', async () => {
    const post = (body: Buffer) =>
      fetch(`${gateway.url}/echo/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
        body,
      });
    const packed = gzipSync(JSON.stringify({ query: 'mutation PayBill { b }' }));
    const answer = await post(packed);
    assert.equal(answer.status, 200);
    const sent = gateway.simulator.calls().at(-1)!;
    assert.equal(sent.requestHeaders!['content-encoding'], 'gzip');
    assert.equal(sent.bodyBytes, packed.length);
    assert.equal((await post(gzipSync(JSON.stringify({ query: 'mutation Other { a }' })))).status, 404);
    assert.equal((await post(gzipSync(Buffer.alloc(64 * 1024 * 1024, 32)))).status, 413);
  });

  test('the model of a call chooses among llm routes, by whichever of its names', async () => {
    const call = (model: string) =>
      fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }] }),
      });
    const said = async (model: string) => {
      const answer = await call(model);
      await answer.arrayBuffer();
      return answer.status;
    };
    assert.deepEqual(await Promise.all(['gpt-sim', 'o/gpt-sim', 'gpt-other'].map(said)), [200, 200, 404]);
    const unknown = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', body: '{' });
    assert.equal(unknown.status, 401, 'who asks is known before the body is read');
  });
});
