import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { startSimulator, type Simulator } from '../../simulator/server.ts';
import { sendRaw } from '../harness/raw-socket.ts';

let simulator: Simulator;
let gateway: TestGateway;

before(async () => {
  simulator = await startSimulator({ port: 0 });
  gateway = await startTestGateway({
    simulator,
    config: {
      policies: [],
      routes: [
        {
          name: 'old',
          match: { path: '/users/{id}/**' },
          to: { redirect: { status: 308, to: '/people/{id}/{**}?by=old#top' } },
        },
        {
          name: 'rewritten',
          match: { path: '/r/{id}/{sub}/**' },
          to: {
            http: simulator.url,
            rewrite: {
              path: '/echo/v2/{**}/of/{id}',
              query: { set: { user: '{id}', fixed: 'a&b' }, remove: ['debug'] },
              host: '{sub}.internal',
            },
          },
        },
        {
          name: 'joined',
          match: { path: '/j/{a}/{b}' },
          to: { http: simulator.url, rewrite: { path: '/echo/{a}{b}' } },
        },
        {
          name: 'failing',
          match: { path: '/failing' },
          to: { static: { body: 'fine' } },
          policies: [
            { 'fault-injection': { abort: { percent: 100, status: 418 }, delay: { percent: 100, ms: 20 } } },
          ],
        },
        { name: 'drop', match: { path: '/drop/**' }, to: { redirect: { to: '/{**}', keepQuery: false } } },
        {
          name: 'host',
          match: { host: '*.acme.test', path: '/h/**' },
          to: { redirect: { status: 301, to: 'https://{request.host}{request.path}' } },
        },
        {
          name: 'mock',
          match: { path: '/mock/{id}' },
          to: {
            static: {
              status: 418,
              headers: { 'content-type': 'application/json', 'x-id': 'is {id}' },
              body: '{"id":"{id}","{x}":{}}',
            },
          },
        },
      ],
    },
  });
});
after(async () => {
  await gateway.stop();
  await simulator.close();
});

const get = (path: string, host = 'x', method = 'GET') =>
  sendRaw(gateway.port, `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
const location = (text: string) => /\r\nlocation: ([^\r]*)\r\n/.exec(text)?.[1];

test('a redirect is made of the path, and takes the query along unless told not to', async () => {
  const moved = await get('/users/7/orders/9?a=1&b=%0d%0aset-cookie:x');
  assert.equal(moved.status, 308);
  assert.equal(location(moved.text), '/people/7/orders/9?by=old&a=1&b=%0d%0aset-cookie:x#top');
  assert.doesNotMatch(moved.text, /\r\nset-cookie/i);
  assert.equal(location((await get('/users/7')).text), '/people/7/?by=old#top');
  const dropped = await get('/drop/a?secret=1');
  assert.equal(dropped.status, 307);
  assert.equal(location(dropped.text), '/a');
  assert.equal(
    location((await get('/h/a%20b?q', 'Shop.Acme.Test:81')).text),
    'https://shop.acme.test/h/a%20b?q',
  );
});

test('security 15: no path leads a redirect to another host, and none brings a line', async () => {
  for (const path of [
    '/drop//evil.test',
    '/drop/%2fevil.test',
    '/drop/\\evil.test',
    '/drop/%5cevil.test',
    '/drop/./%2e%2e//evil.test/x',
    '/drop/;//evil.test',
    '/drop/%0d%0alocation:%20//evil.test',
    '/drop/http://evil.test',
  ]) {
    const { text, status } = await get(path);
    const place = location(text);
    if (place === undefined) assert.ok(status >= 400, `${path}: ${status}`);
    else assert.match(place, /^\/(?![/\\])/, path);
    assert.equal(new URL(place ?? '/', 'http://here.test').host, 'here.test');
    assert.ok((text.match(/\r\nlocation:/gi) ?? []).length <= 1);
  }
});

test('a static answer is as it is written, with pieces of the path that cannot break out of it', async () => {
  const mock = await get('/mock/7');
  assert.equal(mock.status, 418);
  assert.match(mock.text, /\r\ncontent-type: application\/json\r\n/);
  assert.match(mock.text, /\r\nx-id: is 7\r\n/);
  assert.ok(mock.text.endsWith('\r\n\r\n{"id":"7","{x}":{}}'));
  const hostile = await get("/mock/'&x=1,%22%3Cscript%3E");
  assert.ok(hostile.text.endsWith('{"id":"%27%26x%3D1%2C%22%3Cscript%3E","{x}":{}}'), hostile.text);
  const head = await get('/mock/7', 'x', 'HEAD');
  assert.equal(head.status, 418);
  assert.ok(head.text.endsWith('\r\n\r\n'));
});

test('path, query and host are rewritten, and no parameter comes twice', async () => {
  const { text } = await get('/r/a@b/shop/x/y%20z?debug=1&u%73er=evil&user=evil&keep=%26');
  const echo = JSON.parse(text.slice(text.indexOf('{'))) as { url: string; rawHeaders: string[] };
  assert.equal(echo.url, '/echo/v2/x/y%20z/of/a@b?keep=%26&user=a%40b&fixed=a%26b');
  assert.deepEqual(echo.rawHeaders.slice(0, 2), ['host', 'shop.internal']);
});

test('what would not be canonical once it is put together is refused', async () => {
  assert.equal((await get('/r/a/shop')).status, 400, 'an empty segment');
  for (const path of [
    '/j/%25/2f',
    '/j/%25/00',
    '/j/%25/0d',
    '/r/1/a:99/x',
    '/r/1/a%40b/x',
    '/j/%2e/%2e',
    '/j/a/%00',
  ])
    assert.equal((await get(path)).status, 400, path);
  assert.equal((await get('/j/a/b')).status, 200);
});

test('a fault on purpose is a fault of the registry, with its own status', async () => {
  const failed = await get('/failing');
  assert.equal(failed.status, 418);
  assert.match(failed.text, /"code":"policy\/injected"/);
});
