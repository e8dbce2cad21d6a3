import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { sendRaw } from '../harness/raw-socket.ts';

/** Answers with as many bytes as the path says, with a length or without. */
const server = createServer((request, response) => {
  const [, form, bytes] = request.url!.split('/');
  request.resume().on('end', () => {
    if (form === 'length') response.setHeader('content-length', Number(bytes));
    response.flushHeaders();
    response.end('x'.repeat(Number(bytes ?? 0)));
  });
});

const key = (name: string) => `sk-${name}-0123456789`;
let gateway: TestGateway;
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const policies: Record<string, object[]> = {
    lists: [
      { 'key-auth': { optional: true } },
      { access: { allow: { groups: ['staff'], projects: ['shop*'] }, deny: { consumers: ['eve'] } } },
    ],
    rule: [
      { 'key-auth': {} },
      { access: { rule: 'request.method == "GET" || "admin" in consumer.groups' } },
      { access: { rule: 'request.headers["x-tenant"] != "closed"' } },
    ],
    plans: [
      { 'key-auth': {} },
      { 'rate-limit': { by: 'consumer', requests: '1/h' }, when: '!("admin" in consumer.groups)' },
      { 'set-headers': { response: { set: { 'x-plan': 'staff' } } }, when: '"staff" in consumer.groups' },
      { 'size-limit': { request: 10 }, when: 'request.headers["x-size"] == "small"' },
    ],
    near: [{ 'ip-restriction': { allow: ['10.0.0.0/8', '2001:db8::/32'], deny: ['10.9.0.0/16'] } }],
    agents: [
      {
        'header-restriction': {
          headers: {
            'User-Agent': { deny: ['.*[Bb]ot.*'] },
            Referer: { hosts: ['acme.test', '*.acme.test'] },
          },
        },
      },
    ],
    forms: [{ csrf: { origins: ['https://app.test'], token: { cookie: 'csrf', header: 'X-CSRF' } } }],
    session: [{ csrf: { cookies: ['session'] } }],
    sizes: [{ 'size-limit': { request: 1000, response: 2000 } }],
  };
  gateway = await startTestGateway({
    config: {
      listen: { port: 0, trustedProxies: ['127.0.0.1'] },
      routes: [
        ...Object.entries(policies).map(([name, list]) => ({
          ...{ name, match: { path: `/${name}/**` }, stripPrefix: `/${name}`, policies: list },
          to: { http: url },
        })),
        {
          ...{ name: 'llm', match: { path: '/v1/**' }, to: { llm: {} } },
          policies: [
            { 'key-auth': {} },
            { access: { models: { 'o/gpt-big*': { allow: { groups: ['staff'] } } } } },
            { access: { rule: '!call.stream || "staff" in consumer.groups' } },
            { 'size-limit': { request: '1KiB' } },
          ],
        },
      ],
      models: { big: { targets: ['o/gpt-big'] } },
      teams: { red: {} },
      projects: { web: { team: 'red' }, 'shop-eu': { team: 'red' } },
      consumers: {
        ann: { project: 'web', groups: ['staff', 'admin'] },
        eve: { project: 'web', groups: ['staff'] },
        tom: { project: 'web' },
        kim: { project: 'shop-eu' },
      },
      keys: {
        ...Object.fromEntries(
          ['ann', 'eve', 'tom', 'kim'].map((name) => [`${name}-key`, { consumer: name, secret: key(name) }]),
        ),
        // A name of its own makes nobody a consumer.
        ann: { project: 'web', secret: key('forged') },
      },
    },
  });
});
after(async () => {
  await gateway.stop();
  server.closeAllConnections();
  server.close();
});

interface Wish {
  readonly as?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}
const ask = async (path: string, { as, method = 'GET', headers = {}, body }: Wish = {}) =>
  fetch(gateway.url + path, {
    method,
    headers: { ...headers, ...(as === undefined ? {} : { authorization: `Bearer ${key(as)}` }) },
    ...(body === undefined ? {} : { body }),
  });
const statusOf = async (...of: Parameters<typeof ask>) => {
  const answer = await ask(...of);
  await answer.arrayBuffer().catch(() => {});
  return answer.status;
};

describe('access', () => {
  test('lists say who may call, and who may not even so', async () => {
    const statuses = { ann: 200, eve: 403, tom: 403, kim: 200, forged: 403 };
    for (const [as, status] of Object.entries(statuses))
      assert.equal(await statusOf('/lists/', { as }), status, as);
    assert.equal(await statusOf('/lists/'), 403, 'nobody');
  });

  test('a rule holds for what is asked and who asks, and what it cannot tell is refused', async () => {
    const headers = { 'x-tenant': 'open' };
    assert.equal(await statusOf('/rule/', { as: 'tom', headers }), 200);
    assert.equal(await statusOf('/rule/', { as: 'tom', headers, method: 'DELETE' }), 403);
    assert.equal(await statusOf('/rule/', { as: 'ann', headers, method: 'DELETE' }), 200);
    assert.equal(await statusOf('/rule/', { as: 'forged', headers, method: 'DELETE' }), 403);
    assert.equal(await statusOf('/rule/', { as: 'ann' }), 403, 'without the header');
    assert.equal(await statusOf('/rule/', { as: 'ann', headers: { 'x-tenant': 'closed' } }), 403);
  });

  test('models have lists of their own, under whatever name, and rules may ask for the call', async () => {
    const call = (as: string, model: string, stream = false) => {
      const body = JSON.stringify({ model, stream, messages: [{ role: 'user', content: 'hi' }] });
      return statusOf('/v1/chat/completions', { as, method: 'POST', body });
    };
    assert.equal(await call('tom', 'o/gpt-sim'), 200);
    assert.equal(await call('tom', 'o/gpt-sim', true), 403);
    assert.equal(await call('ann', 'o/gpt-sim', true), 200);
    for (const model of ['o/gpt-big', 'gpt-big']) {
      assert.equal(await call('tom', model), 403, model);
      assert.equal(await call('ann', model), 200, model);
    }
  });
});

describe('when', () => {
  test('a policy is there only for calls of which its rule is true', async () => {
    const headers = { 'x-size': 'large' };
    const plain = { as: 'tom', headers };
    assert.deepEqual([await statusOf('/plans/', plain), await statusOf('/plans/', plain)], [200, 429]);
    for (let i = 0; i < 3; i++) assert.equal(await statusOf('/plans/', { as: 'ann', headers }), 200);
    assert.equal((await ask('/plans/', { as: 'ann', headers })).headers.get('x-plan'), 'staff');
    assert.equal((await ask('/plans/', { as: 'kim', headers })).headers.get('x-plan'), null);
    const post = { as: 'ann', method: 'POST', body: 'more than ten bytes' };
    assert.equal(await statusOf('/plans/', { ...post, headers }), 200);
    assert.equal(await statusOf('/plans/', { ...post, headers: { 'x-size': 'small' } }), 413);
  });

  test('where that cannot be told the call is refused', async () =>
    assert.equal(await statusOf('/plans/', { as: 'ann' }), 500));
});

describe('ip-restriction', () => {
  test('addresses are those of clients, as a trusted proxy names them', async () => {
    const from = (address: string) => statusOf('/near/', { headers: { 'x-forwarded-for': address } });
    assert.deepEqual([await from('10.1.2.3'), await from('2001:db8::5')], [200, 200]);
    for (const address of ['10.9.0.1', '11.0.0.1', '2001:db9::1', 'unknown', '::ffff:10.9.0.1'])
      assert.equal(await from(address), 403, address);
    assert.equal(await statusOf('/near/'), 403);
  });
});

describe('header-restriction', () => {
  test('agents and pages are let in by what they say', async () => {
    const say = (agent: string, referer?: string) =>
      statusOf('/agents/', {
        headers: { 'user-agent': agent, ...(referer === undefined ? {} : { referer }) },
      });
    assert.equal(await say('curl', 'https://acme.test/page'), 200);
    assert.equal(await say('curl', 'http://shop.ACME.test:8080/'), 200);
    assert.equal(await say('SomeBot/1', 'https://acme.test/'), 403);
    for (const referer of [
      undefined,
      'https://acme.test.evil.test/',
      'https://evil.test/acme.test',
      'https://acme.test@evil.test/',
      'https://evilacme.test/',
      'acme.test',
    ])
      assert.equal(await say('curl', referer), 403, referer ?? 'none');
  });

  test('of two lines each must fit', async () => {
    const head = 'GET /agents/ HTTP/1.1\r\nhost: a\r\nconnection: close\r\nreferer: https://acme.test/\r\n';
    assert.equal((await sendRaw(gateway.port, `${head}\r\n`)).status, 200);
    assert.equal((await sendRaw(gateway.port, `${head}referer: https://evil.test/\r\n\r\n`)).status, 403);
  });
});

describe('csrf', () => {
  const post = (path: string, headers: Record<string, string>) => {
    const lines = Object.entries({
      host: 'shop.test',
      connection: 'close',
      'content-length': '0',
      ...headers,
    });
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    return sendRaw(gateway.port, `POST ${path} HTTP/1.1\r\n${head}\r\n`).then(({ status }) => status);
  };
  const doubled = { cookie: 'a=b; csrf=t1', 'x-csrf': 't1' };

  test('pages of the site itself, and of those that are listed, may call', async () => {
    for (const origin of ['https://app.test', 'https://shop.test', 'http://shop.test'])
      assert.equal(await post('/forms/', { ...doubled, origin }), 200, origin);
    assert.equal(await post('/forms/', { ...doubled, 'sec-fetch-site': 'same-origin' }), 200);
    assert.equal(await post('/forms/', { ...doubled, referer: 'https://shop.test/basket' }), 200);
  });

  test('pages of others may not, nor what does not say whose it is', async () => {
    const strangers: Record<string, string>[] = [
      {},
      { origin: 'https://evil.test' },
      { origin: 'null' },
      { origin: 'https://shop.test.evil.test' },
      { origin: 'https://shop.test:444' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site', origin: 'https://other.shop.test' },
      { referer: 'https://evil.test/https://shop.test' },
      { 'sec-fetch-site': 'cross-site', origin: 'https://shop.test' },
    ];
    for (const headers of strangers)
      assert.equal(await post('/forms/', { ...doubled, ...headers }), 403, JSON.stringify(headers));
  });

  test('the value of the cookie must come in the header, too', async () => {
    const origin = 'https://app.test';
    const sent: Record<string, string>[] = [
      { cookie: 'csrf=t1' },
      { cookie: 'csrf=t1', 'x-csrf': 't2' },
      { cookie: 'csrf=', 'x-csrf': '' },
      { cookie: 'csrf=t0; csrf=t1', 'x-csrf': 't1' },
      { cookie: 'a=b', 'x-csrf': 't1' },
    ];
    for (const headers of sent)
      assert.equal(await post('/forms/', { origin, ...headers }), 403, JSON.stringify(headers));
  });

  test('calls that no cookie speaks for are not concerned, nor those that change nothing', async () => {
    assert.equal(await post('/forms/', {}), 200);
    assert.equal(await post('/session/', { cookie: 'theme=dark' }), 200);
    assert.equal(await post('/session/', { cookie: 'theme=dark; session=1' }), 403);
    assert.equal(await statusOf('/session/', { headers: { cookie: 'session=1' } }), 200);
    // But a WebSocket is opened by a GET.
    const upgrade =
      'upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';
    const head = `GET /session/ HTTP/1.1\r\nhost: shop.test\r\ncookie: session=1\r\norigin: https://evil.test\r\n${upgrade}\r\n`;
    assert.equal((await sendRaw(gateway.port, head)).status, 403);
  });
});

describe('size-limit', () => {
  test('a request that says it is larger is refused at once, and one in chunks when it is', async () => {
    const send = (path: string, bytes: number, more: Wish = {}) =>
      statusOf(path, { method: 'POST', body: 'x'.repeat(bytes), ...more });
    assert.deepEqual([await send('/sizes/length/1', 1000), await send('/sizes/length/1', 1001)], [200, 413]);
    const chunked = (bytes: number) =>
      sendRaw(
        gateway.port,
        `POST /sizes/length/1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n0\r\n\r\n`,
      ).then(({ status }) => status);
    assert.deepEqual([await chunked(1000), await chunked(1001)], [200, 413]);
    const body = JSON.stringify({
      model: 'o/gpt-sim',
      messages: [{ role: 'user', content: 'x'.repeat(1100) }],
    });
    assert.equal(await statusOf('/v1/chat/completions', { as: 'ann', method: 'POST', body }), 413);
  });

  test('an answer that says it is larger is 502, and one that turns out to be is cut', async () => {
    assert.equal((await (await ask('/sizes/length/2000')).text()).length, 2000);
    assert.equal((await (await ask('/sizes/chunked/2000')).text()).length, 2000);
    const answer = await ask('/sizes/length/2001');
    assert.equal(answer.status, 502);
    assert.match(await answer.text(), /upstream\/answer-too-large/);
    const cut = await ask('/sizes/chunked/200000');
    await assert.rejects(cut.text());
    assert.equal(await statusOf('/sizes/length/2001', { method: 'HEAD' }), 200);
  });
});
