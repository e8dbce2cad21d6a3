/** Security 34, 36 and 38: nobody gets what was meant for another request, or another caller. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { startCachePlane, type CachePlane } from './cache-plane.ts';

let plane: CachePlane;
before(async () => {
  const cached = (name: string, settings: object, match: object = {}) => ({
    name,
    match: { path: `/${name}/**`, ...match },
    to: { http: 'ORIGIN' },
    policies: [{ 'http-cache': settings }],
  });
  plane = await startCachePlane({
    routes: [
      cached('a', { scope: 'everybody' }),
      cached('own', {}),
      cached('few', { scope: 'everybody', query: { only: ['id'] }, headers: ['x-shop'] }),
      cached('less', { scope: 'everybody', query: { ignore: ['utm'], sort: true } }),
    ],
  });
});
after(() => plane.stop());

let counted = 0;
/** Each answer says which request it is of, as the origin has understood it. */
const echo = (more: Record<string, string> = {}) => {
  plane.origin = ({ head }) => ({
    body: `${++counted} ${head.split('\r\n')[0]!}`,
    headers: { 'cache-control': 'public, max-age=60', ...more },
  });
};
const isHit = (headers: Readonly<Record<string, string>>) =>
  /^sluice; hit/.test(headers['cache-status'] ?? '');

test('security 38: headers by which servers take a request for another one: neither answered nor kept', async () => {
  echo();
  const names = [
    'X-Original-URL',
    'X-Rewrite-URL',
    'X-HTTP-Method-Override',
    'X-Method-Override',
    'X-Host',
    'X-Original-Host',
  ];
  for (const [i, name] of names.entries()) {
    const poisoned = await plane.ask(`GET /a/override/${i}`, { [name]: 'evil' });
    assert.match(poisoned.headers['cache-status']!, /fwd=bypass.*detail=override/);
    const clean = await plane.ask(`GET /a/override/${i}`);
    assert.ok(!isHit(clean.headers), name);
  }
});

test('security 38: X-Forwarded-* of a stranger reaches neither upstream nor key; the host is in the key', async () => {
  echo();
  await plane.ask('GET /a/forwarded', { 'x-forwarded-host': 'evil.test', 'x-forwarded-proto': 'https' });
  assert.match(plane.asked.at(-1)!.head, /^x-forwarded-host: shop\.test$/im);
  assert.ok(isHit((await plane.ask('GET /a/forwarded')).headers));
  assert.ok(!isHit((await plane.ask('GET /a/forwarded', { host: 'evil.test' })).headers));
});

test('security 38: a GET with a body, in either framing, is neither answered nor kept', async () => {
  echo();
  const first = await plane.ask('GET /a/fat', {}, 'id=evil');
  assert.match(first.headers['cache-status']!, /fwd=bypass.*detail=body/);
  assert.ok(!isHit((await plane.ask('GET /a/fat')).headers));
  const chunked = await plane.ask(
    'GET /a/fat',
    { 'transfer-encoding': 'chunked' },
    '7\r\nid=evil\r\n0\r\n\r\n',
  );
  assert.ok(!isHit(chunked.headers));
});

test('security 36: who shows an Authorization has answers of his own', async () => {
  echo();
  const of = (authorization: string) => plane.ask('GET /own/x', { authorization });
  const first = await of('Bearer a');
  assert.ok(isHit((await of('Bearer a')).headers));
  const other = await of('Bearer b');
  assert.ok(!isHit(other.headers));
  assert.notEqual(first.body, other.body);
  assert.ok(!isHit((await plane.ask('GET /own/x')).headers));
});

test('query: only and ignore, and the header that is part of the key', async () => {
  echo();
  await plane.ask('GET /few/x?id=1&page=2');
  assert.ok(isHit((await plane.ask('GET /few/x?page=3&id=1')).headers));
  assert.ok(!isHit((await plane.ask('GET /few/x?id=2')).headers));
  assert.ok(!isHit((await plane.ask('GET /few/x?id=1', { 'x-shop': 'de' })).headers));
  await plane.ask('GET /less/x?b=1&a=2&utm=3');
  assert.ok(isHit((await plane.ask('GET /less/x?a=2&b=1')).headers));
});

test('security 34: Vary cannot fill the memory with one URI: what is varied by is hashed, and the ring is bounded', async () => {
  plane.origin = () => ({ body: 'x', headers: { 'cache-control': 'max-age=60', vary: 'X-Any' } });
  for (let i = 0; i < 50; i++) await plane.ask('GET /a/vary', { 'x-any': `${i}`.repeat(100) });
  assert.ok(isHit((await plane.ask('GET /a/vary', { 'x-any': '49'.repeat(100) })).headers));
  plane.origin = () => ({
    body: 'x',
    headers: { 'cache-control': 'max-age=60', vary: Array.from({ length: 40 }, (_, i) => `x-${i}`).join() },
  });
  const many = await plane.ask('GET /a/vary-by-all');
  assert.match(many.headers['cache-status']!, /detail=vary/);
});

test('fuzz: whatever is asked in whatever spelling, a hit is of the very request line that was asked', async () => {
  echo({ vary: 'accept-language' });
  const runs = process.env['SLUICE_LONG'] ? 3000 : 60;
  const seen = new Map<string, string>();
  const piece = fc.constantFrom(
    'a',
    'b',
    '%61',
    '%41',
    ';',
    ';x=1',
    '.',
    '..',
    '//',
    '/',
    '%2e',
    '%3f',
    '%23',
    '?',
    '&',
    '=',
    '+',
    '%20',
    '%00',
    '"',
    ',',
    '~',
    '%7e',
    ':',
    '|',
    "'",
  );
  const target = fc.array(piece, { maxLength: 8 }).map((pieces) => `/a/fuzz/${pieces.join('')}`);
  const language = fc.constantFrom('', 'de', 'de,en', 'de, en', '"', '","');
  await fc.assert(
    fc.asyncProperty(target, language, async (path, accept) => {
      const got = await plane.ask(`GET ${path}`, accept === '' ? {} : { 'accept-language': accept });
      if (got.status !== 200) return;
      // What the origin says it was asked is what this request leads to: by no other one's answer.
      const own = got.body.slice(got.body.indexOf(' ') + 1);
      const key = `${path}\n${accept}`;
      const before = seen.get(key);
      if (before !== undefined) assert.equal(own, before);
      seen.set(key, own);
      if (!isHit(got.headers)) assert.equal(plane.asked.at(-1)!.head.split('\r\n')[0], own);
    }),
    { numRuns: runs },
  );
});
