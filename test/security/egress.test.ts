/** security 42: what a caller names is not fetched by the gateway; security 14: a prefix that is taken off opens no way around. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { sendRaw } from '../harness/raw-socket.ts';

let gateway: TestGateway;
/** Stands for whatever is inside: it must never be spoken to. */
let inside: Server;
let visits = 0;
let address = '';

before(async () => {
  inside = createServer((socket) => {
    visits++;
    socket.destroy();
  });
  inside.listen(0, '127.0.0.1');
  await once(inside, 'listening');
  address = `127.0.0.1:${(inside.address() as AddressInfo).port}`;
  gateway = await startTestGateway();
});
after(async () => {
  await gateway.stop();
  inside.close();
});

describe('security 42: addresses that callers supply', () => {
  const spelt = (scheme: string) => [
    `${scheme}://${address}/secret`,
    `${scheme}://localhost:${address.split(':')[1]}/`,
    `${scheme}://[::ffff:127.0.0.1]:${address.split(':')[1]}/`,
    `${scheme}://2130706433:${address.split(':')[1]}/`,
    `${scheme}://0x7f.1:${address.split(':')[1]}/`,
  ];
  const urls = [...spelt('http'), ...spelt('https'), 'file:///etc/passwd', 'http://169.254.169.254/latest/'];

  const ask = (model: string, content: unknown[]) =>
    fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages: [{ role: 'user', content }] }),
    });

  for (const model of ['o/gpt-sim', 'a/claude-sim'])
    test(`pictures and files by URL are the provider's to fetch, never the gateway's (${model})`, async () => {
      for (const url of urls) {
        const parts = [
          [
            { type: 'text', text: 'simulate:{"text":"Seen."}' },
            { type: 'image_url', image_url: { url } },
          ],
          [
            { type: 'text', text: 'simulate:{"text":"Seen."}' },
            { type: 'file', file: { file_data: url } },
          ],
        ];
        for (const content of parts) await (await ask(model, content)).text();
      }
      assert.equal(visits, 0);
    });

  test('headers that name an address lead nowhere', async () => {
    const host = address;
    const requests = [
      `GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${testKey}\r\nX-Forwarded-Host: ${host}\r\nConnection: close\r\n\r\n`,
      `GET /v1/models HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${testKey}\r\nConnection: close\r\n\r\n`,
      `GET http://${host}/v1/models HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${testKey}\r\nConnection: close\r\n\r\n`,
      `GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${testKey}\r\nX-Original-URL: http://${host}/\r\nX-Upstream: ${host}\r\nConnection: close\r\n\r\n`,
    ];
    for (const request of requests) {
      const { status } = await sendRaw(gateway.port, request);
      assert.ok(status >= 200 && status < 500, String(status));
    }
    assert.equal(visits, 0);
  });
});

describe('security 14: a prefix that is taken off', () => {
  // Below /api the simulator is reached without its prefix; what the route matched is what goes on.
  const get = (target: string) =>
    sendRaw(
      gateway.port,
      `GET ${target} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${testKey}\r\nConnection: close\r\n\r\n`,
    );
  const lastPath = () => gateway.simulator.calls().at(-1)?.path;

  test('what is sent on is the rest of the path that was matched', async () => {
    const cases: [string, string][] = [
      ['/api/echo/a', '/echo/a'],
      ['/api/echo/%61%2Db', '/echo/a-b'],
      ['/api/echo/a%20b?x=/../y', '/echo/a%20b'],
    ];
    for (const [target, path] of cases) {
      const { status } = await get(target);
      assert.equal(status, 200, target);
      assert.equal(lastPath(), path);
    }
  });

  test('no spelling climbs out of it, or into it', async () => {
    const before = gateway.simulator.calls().length;
    for (const target of [
      '/api/../v1/models',
      '/api/./echo',
      '/api/echo/..',
      '/api/%2e%2e/v1/models',
      '/api/.%2E/_calls',
      '/api//echo',
      '/x/../api/echo',
      '/api%2Fecho',
      '/api/echo%2F..%2F_calls',
      '/api/\\..\\_calls',
      '/api/echo;/../_calls',
      '/apiecho',
    ]) {
      const { status } = await get(target);
      assert.ok(status === 400 || status === 404, `${target}: ${status}`);
    }
    assert.equal(gateway.simulator.calls().length, before);
  });
});
