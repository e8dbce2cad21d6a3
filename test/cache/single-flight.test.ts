/** Many requests for one thing: one is made, and the others are given what comes of it, or go on by themselves. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { startCachePlane, type CachePlane, type OriginAnswer } from './cache-plane.ts';

let plane: CachePlane;
before(async () => {
  plane = await startCachePlane({
    routes: [
      {
        name: 'a',
        match: { path: '/a/**' },
        to: { http: 'ORIGIN' },
        policies: [{ 'http-cache': { scope: 'everybody', wait: '60s' } }],
      },
      {
        name: 'short',
        match: { path: '/short/**' },
        to: { http: 'ORIGIN' },
        policies: [{ 'http-cache': { scope: 'everybody', wait: '50ms' } }],
      },
    ],
  });
});
after(() => plane.stop());

const fresh: OriginAnswer = { body: 'one', headers: { 'cache-control': 'max-age=60' } };

/** Answers that are asked for wait for `open`. */
function gate(answer: OriginAnswer | null): { open(): void; reached: Promise<void> } {
  const opened = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  plane.origin = async () => {
    reached.resolve();
    await opened.promise;
    return answer;
  };
  return { open: opened.resolve, reached: reached.promise };
}

const many = (path: string, count: number) => Array.from({ length: count }, () => plane.ask(`GET ${path}`));

test('of requests that come together one is made; the others are hits', async () => {
  const { open, reached } = gate(fresh);
  const all = many('/a/together', 50);
  await reached;
  open();
  const got = await Promise.all(all);
  assert.deepEqual([...new Set(got.map(({ body }) => body))], ['one']);
  assert.equal(plane.asked.filter(({ path }) => path === '/a/together').length, 1);
  assert.equal(got.filter(({ headers }) => headers['cache-status']!.startsWith('sluice; hit')).length, 49);
});

test('what turns out not to be kept holds up nobody: the others are made at once', async () => {
  const { open, reached } = gate({ body: 'one', headers: { 'cache-control': 'private' } });
  const all = many('/a/private', 20);
  await reached;
  open();
  const got = await Promise.all(all);
  assert.ok(got.every(({ status, body }) => status === 200 && body === 'one'));
  assert.equal(plane.asked.filter(({ path }) => path === '/a/private').length, 20);
});

test('a first one that hangs up, or whose upstream breaks off, is followed by another', async () => {
  const { open, reached } = gate(fresh);
  const socket = connect(Number(new URL(plane.url).port), '127.0.0.1');
  socket.write('GET /a/gone HTTP/1.1\r\nhost: shop.test\r\n\r\n');
  await reached;
  const all = many('/a/gone', 10);
  // All of them are in the gateway before the first one goes.
  await plane.ask('GET /a/together');
  socket.destroy();
  open();
  const got = await Promise.all(all);
  assert.ok(got.every(({ body }) => body === 'one'));
  assert.ok(plane.asked.filter(({ path }) => path === '/a/gone').length <= 3);
});

test('nobody waits longer than he may', async () => {
  const { open, reached } = gate(fresh);
  const first = plane.ask('GET /short/x');
  await reached;
  const second = plane.ask('GET /short/x');
  for (const until = Date.now() + 60_000; plane.asked.filter(({ path }) => path === '/short/x').length < 2;) {
    assert.ok(Date.now() < until);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  open();
  assert.deepEqual([(await first).body, (await second).body], ['one', 'one']);
});

test('stale-while-revalidate: the stale one at once, one renewal beside it, with a receipt of its own', async () => {
  plane.origin = () => ({
    body: 'old',
    headers: { 'cache-control': 'max-age=10, stale-while-revalidate=60', etag: '"1"' },
  });
  await plane.ask('GET /a/swr');
  plane.advance(20);
  const { open, reached } = gate({
    body: 'new',
    headers: { 'cache-control': 'max-age=10, stale-while-revalidate=60', etag: '"2"' },
  });
  const stale = await Promise.all(many('/a/swr', 10));
  assert.deepEqual([...new Set(stale.map(({ body }) => body))], ['old']);
  assert.match(stale[0]!.headers['cache-status']!, /hit; ttl=-10/);
  await reached;
  assert.match(plane.asked.at(-1)!.head, /^if-none-match: "1"$/im);
  const renewal = /^x-sluice-exchange: (\S+)$/im.exec(plane.asked.at(-1)!.head)![1]!;
  open();
  const receipt = await plane.receiptOf(renewal);
  assert.deepEqual(
    [receipt.outcome, receipt.notes, receipt.attempts.length],
    ['completed', { cache: 'renewal' }, 1],
  );
  assert.equal((await plane.ask('GET /a/swr')).body, 'new');
  assert.equal(plane.asked.filter(({ path }) => path === '/a/swr').length, 2);
});

test('a renewal that fails leaves what is there', async () => {
  plane.origin = () => ({
    body: 'old',
    headers: { 'cache-control': 'max-age=10, stale-while-revalidate=600', etag: '"1"' },
  });
  await plane.ask('GET /a/swr-fails');
  plane.advance(20);
  const seen = Promise.withResolvers<void>();
  plane.origin = () => (seen.resolve(), null);
  assert.equal((await plane.ask('GET /a/swr-fails')).body, 'old');
  await seen.promise;
  assert.equal((await plane.ask('GET /a/swr-fails')).body, 'old');
});

test('hits have receipts: cache_hit, no attempts', async () => {
  plane.origin = () => fresh;
  await plane.ask('GET /a/receipt');
  const { headers } = await plane.ask('GET /a/receipt');
  const receipt = await plane.receiptOf(headers['x-sluice-exchange']!);
  assert.deepEqual([receipt.outcome, receipt.status, receipt.attempts], ['cache_hit', 200, []]);
});

test('a large answer streams through while it is kept; one that is too large is not', async () => {
  const body = 'x'.repeat(900_000);
  plane.origin = () => ({ body, headers: { 'cache-control': 'max-age=60' } });
  assert.equal((await plane.ask('GET /a/large')).body.length, body.length);
  assert.match((await plane.ask('GET /a/large')).headers['cache-status']!, /hit/);
  plane.origin = () => ({ body: body + body, headers: { 'cache-control': 'max-age=60' } });
  assert.match((await plane.ask('GET /a/larger')).headers['cache-status']!, /detail=too-large/);
  const chunked = `${(body.length * 2).toString(16)}\r\n${body}${body}\r\n0\r\n\r\n`;
  plane.origin = () => ({
    body: chunked,
    headers: { 'cache-control': 'max-age=60', 'content-length': null, 'transfer-encoding': 'chunked' },
  });
  assert.equal((await plane.ask('GET /a/unknown-length')).body.length, body.length * 2);
  plane.origin = () => fresh;
  assert.equal((await plane.ask('GET /a/unknown-length')).body, 'one');
});
