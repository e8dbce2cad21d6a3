import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import type { Ask, Question } from '#core/contracts/ask.ts';
import type { Upstream } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';
import { headerOf } from '#core/head.ts';
import { createUpstream } from '#transport/upstream/index.ts';
import { createAsk } from './create-ask.ts';
import { systemClock } from './system-clock.ts';

let upstream: Upstream;
let ask: Ask;
let base: string;
const asked: string[] = [];
const server = createServer((request, response) => {
  asked.push(`${request.method} ${request.url}`);
  const [path] = request.url!.split('?');
  if (path === '/away/') return void response.writeHead(302, { location: '/secret' }).end('elsewhere');
  if (path === '/large') return void response.end('x'.repeat(1001));
  if (path === '/echo') return void request.pipe(response);
  if (path === '/endless') return void response.write('and so on');
  if (path === '/silent') return;
  response.end('secret');
});

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  upstream = createUpstream({ clock: systemClock });
  ask = createAsk(upstream);
});
after(() => {
  upstream.close();
  server.closeAllConnections();
  server.close();
});

const get = (path: string, more: Partial<Question> = {}) =>
  ask({ url: base + path, method: 'GET', headers: [], body: null, ...more });

const refusal = (code: string) => (thrown: unknown) => thrown instanceof Fault && thrown.code === code;

test('a redirect is an answer with its headers, and is not followed', async () => {
  const reply = await get('/away/?a=b');
  assert.equal(reply.status, 302);
  assert.equal(headerOf(reply.headers, 'location'), '/secret');
  assert.equal(reply.body, 'elsewhere');
  assert.deepEqual(asked, ['GET /away/?a=b']);
});

test('a body is sent, and comes back as text', async () => {
  const body = 'grant_type=client_credentials&scope=ü';
  assert.equal((await get('/echo', { method: 'POST', body })).body, body);
});

test('an answer larger than it may be is refused', async () => {
  assert.equal((await get('/large', { maxBytes: 1001 })).body.length, 1001);
  await assert.rejects(get('/large', { maxBytes: 1000 }), refusal('upstream/protocol'));
});

test('an answer that does not come, or does not end, is refused at the deadline', async () => {
  await assert.rejects(get('/silent', { deadlineMs: 200 }), refusal('upstream/total-timeout'));
  await assert.rejects(get('/endless', { deadlineMs: 200 }), refusal('upstream/total-timeout'));
});

test('nobody there is a fault', async () => {
  await assert.rejects(get('', { url: 'http://127.0.0.1:1/' }), refusal('upstream/connect'));
});
