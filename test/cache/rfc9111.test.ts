/**
 * RFC 9111, requirement by requirement, as far as it concerns a cache that many share: each row is a story of requests over real sockets,
 * named by its section.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { httpDate, startCachePlane, startMs, type CachePlane, type OriginAnswer } from './cache-plane.ts';

type Headers = Readonly<Record<string, string>>;

interface Step {
  /** The clock moves before the request. */
  readonly after?: number;
  /** `GET` when left out. */
  readonly method?: string;
  /** Behind the row's own path. */
  readonly at?: string;
  readonly send?: Headers;
  readonly body?: string;
  /** What the origin answers; absent: it is not asked; `dead`: it breaks the connection. */
  readonly origin?: OriginAnswer | 'dead';
  /** What the origin must have seen; null: not at all. */
  readonly saw?: Readonly<Record<string, string | null>>;
  readonly gets?: {
    readonly status?: number;
    readonly body?: string;
    /** Texts or patterns; null: it is not there. */
    readonly headers?: Readonly<Record<string, string | RegExp | null>>;
  };
}

interface Row {
  readonly is: string;
  /** Its route: `a` caches with nothing but defaults, for everybody. */
  readonly on?: string;
  readonly steps: readonly Step[];
}

const ok = (cacheControl: string, more: OriginAnswer = {}): OriginAnswer => ({
  body: 'one',
  ...more,
  headers: { 'cache-control': cacheControl, ...more.headers },
});
const fresh = ok('max-age=60');
const two: OriginAnswer = { body: 'two', headers: { 'cache-control': 'max-age=60' } };
const first: Step = { origin: fresh, gets: { body: 'one' } };
const hit: Step = { gets: { status: 200, body: 'one', headers: { 'cache-status': /^sluice; hit/ } } };
const asksAgain: Step = { origin: two, gets: { body: 'two' } };
const tagged = ok('max-age=60', { headers: { etag: '"v1"' } });
const tagged304: OriginAnswer = { status: 304, headers: { etag: '"v1"', 'cache-control': 'max-age=60' } };
const ago = (seconds: number) => httpDate(startMs - seconds * 1000);

/** What is answered so is kept, or not. */
const kept = (is: string, answer: OriginAnswer, send?: Headers): Row => ({
  is,
  steps: [
    { origin: answer, ...(send ? { send } : {}) },
    { gets: { ...hit.gets, status: answer.status ?? 200 } },
  ],
});
const notKept = (is: string, answer: OriginAnswer, send?: Headers): Row => ({
  is,
  steps: [{ origin: answer, ...(send ? { send } : {}) }, asksAgain],
});

const rows: readonly Row[] = [
  // 3. Storing
  kept('3: a final answer with a lifetime is stored', fresh),
  notKept('3: request no-store: nothing is stored', fresh, { 'cache-control': 'no-store' }),
  notKept('3: response no-store: nothing is stored', ok('no-store, max-age=60')),
  notKept('3: private is not stored by a shared cache', ok('private, max-age=60')),
  notKept('3: an answer without lifetime, validator or public is not stored', { body: 'one' }),
  kept(
    '3: public makes heuristics and defaults apply to any status',
    ok('public, max-age=60', { status: 404 }),
  ),
  kept('3: Expires alone is enough', { body: 'one', headers: { expires: ago(-60) } }),
  kept('3: s-maxage alone is enough', ok('s-maxage=60')),
  kept('3: a 404 with a lifetime is stored', {
    status: 404,
    body: 'one',
    headers: { 'cache-control': 'max-age=60' },
  }),
  notKept(
    '3: 206 is not understood as whole',
    ok('max-age=60', { status: 206, headers: { 'content-range': 'bytes 0-2/9' } }),
  ),
  notKept(
    '5.2.2.3: must-understand with a status that is not understood',
    ok('must-understand, max-age=60', { status: 299 }),
  ),
  kept('5.2.2.3: must-understand takes the word of no-store', ok('must-understand, no-store, max-age=60')),
  {
    is: '3: a POST is written through, and its answer not stored',
    steps: [{ method: 'POST', body: 'x', origin: fresh }, asksAgain],
  },
  {
    is: '3.3: an incomplete answer is not stored',
    steps: [
      { origin: { ...fresh, headers: { 'cache-control': 'max-age=60', 'content-length': '9' }, cutAt: 3 } },
      asksAgain,
    ],
  },
  {
    is: '3.1: fields of the connection are not stored',
    steps: [
      {
        origin: ok('max-age=60', {
          headers: {
            connection: 'x-hop',
            'x-hop': '1',
            'keep-alive': 'timeout=5',
            'proxy-authenticate': 'Basic',
          },
        }),
      },
      { gets: { headers: { 'x-hop': null, 'proxy-authenticate': null, 'keep-alive': null } } },
    ],
  },
  notKept('3: Set-Cookie is for one client', ok('max-age=60', { headers: { 'set-cookie': 'a=b' } })),
  // 3.5 Authorization
  notKept('3.5: with Authorization nothing is stored that does not say it may', fresh, {
    authorization: 'Bearer a',
  }),
  ...['public', 's-maxage=60', 'must-revalidate'].map((word) => ({
    is: `3.5: with Authorization ${word} says it may`,
    steps: [
      { send: { authorization: 'Bearer a' }, origin: ok(`${word}, max-age=60`) },
      { ...hit, send: { authorization: 'Bearer b' } },
    ],
  })),
  notKept('3.5, the same of cookies', fresh, { cookie: 'sid=1' }),
  // 4. Constructing
  {
    is: '4: Age is there, and the date is the answer’s own',
    steps: [first, { after: 7, gets: { headers: { age: '7', date: ago(0) } } }],
  },
  {
    is: '4: no Age on an answer that was just made',
    steps: [{ ...first, gets: { headers: { age: null } } }],
  },
  { is: '4: another URI is another answer', steps: [first, { ...asksAgain, at: '?x=1' }] },
  {
    is: '4: HEAD is answered out of a GET',
    steps: [first, { method: 'HEAD', gets: { status: 200, body: '', headers: { 'content-length': '3' } } }],
  },
  {
    is: '4: the method must allow it: OPTIONS goes on',
    steps: [first, { method: 'OPTIONS', origin: { status: 200, body: '' } }, hit],
  },
  // 4.1 Vary
  {
    is: '4.1: an answer is for requests whose nominated fields match',
    steps: [
      {
        send: { 'accept-language': 'de' },
        origin: ok('max-age=60', { headers: { vary: 'Accept-Language' } }),
      },
      { ...hit, send: { 'accept-language': 'de' } },
      {
        send: { 'accept-language': 'fr' },
        origin: { ...two, headers: { ...two.headers, vary: 'Accept-Language' } },
        gets: { body: 'two', headers: { 'cache-status': /fwd=vary-miss/ } },
      },
      { ...hit, send: { 'accept-language': 'de' } },
      { send: { 'accept-language': 'fr' }, gets: { body: 'two' } },
    ],
  },
  {
    is: '4.1: a field that is missing matches one that is missing',
    steps: [
      { origin: ok('max-age=60', { headers: { vary: 'Accept-Language' } }) },
      hit,
      { ...asksAgain, send: { 'accept-language': 'de' } },
    ],
  },
  {
    is: '4.1: whitespace and lines of a list say nothing',
    steps: [
      {
        send: { 'accept-language': 'de, en' },
        origin: ok('max-age=60', { headers: { vary: 'Accept-Language' } }),
      },
      { ...hit, send: { 'accept-language': 'de ,  en' } },
    ],
  },
  notKept('4.1: Vary: * never matches', ok('max-age=60', { headers: { vary: '*' } })),
  notKept(
    '4.1: nor does what the gateway makes for each request',
    ok('max-age=60', { headers: { vary: 'X-Forwarded-For' } }),
  ),
  {
    is: '4.1: all nominated fields count',
    steps: [
      {
        send: { accept: 'a', 'accept-language': 'de' },
        origin: ok('max-age=60', { headers: { vary: 'Accept, Accept-Language' } }),
      },
      { ...asksAgain, send: { accept: 'b', 'accept-language': 'de' } },
    ],
  },
  // 4.2 Freshness
  { is: '4.2: what is stale is not given without asking', steps: [first, { ...asksAgain, after: 60 }] },
  {
    is: '4.2.1: s-maxage stands before max-age',
    steps: [{ origin: ok('max-age=10, s-maxage=100') }, { ...hit, after: 50 }],
  },
  {
    is: '4.2.1: max-age stands before Expires',
    steps: [{ origin: ok('max-age=60', { headers: { expires: ago(10) } }) }, hit],
  },
  {
    is: '4.2.1: Expires counts from Date',
    steps: [{ origin: { body: 'one', headers: { date: ago(100), expires: ago(80) } } }, asksAgain],
  },
  notKept('5.3: an Expires that is no date is in the past', { body: 'one', headers: { expires: '0' } }),
  notKept('4.2.1: a max-age that is no number is stale', ok('max-age=soon')),
  {
    is: '4.2.1: of two values the first one counts',
    steps: [{ origin: ok('max-age=5, max-age=60') }, { ...asksAgain, after: 6 }],
  },
  {
    is: '1.2.2: more seconds than can be counted are many',
    steps: [{ origin: ok('max-age=99999999999999') }, { ...hit, after: 1000 }],
  },
  {
    is: '5.2: names of directives in any letters, arguments quoted or not',
    steps: [{ origin: ok('MAX-AGE="60"') }, hit],
  },
  {
    is: '5.2.3: an unknown directive changes nothing',
    steps: [{ origin: ok('max-age=60, community="UCI"') }, hit],
  },
  notKept('5.2: what cannot be read is not followed by half', ok('max-age=60, private="x')),
  {
    is: '4.2.2: heuristics: a tenth of the time since the last change',
    on: 'h',
    steps: [
      { origin: { body: 'one', headers: { 'last-modified': ago(1000) } } },
      { ...hit, after: 99 },
      { ...asksAgain, after: 2 },
    ],
  },
  {
    is: '4.2.2: no heuristics where there is a lifetime',
    on: 'h',
    steps: [
      { origin: ok('max-age=5', { headers: { 'last-modified': ago(10000) } }) },
      { ...asksAgain, after: 6 },
    ],
  },
  {
    is: '4.2.2: nor for a status that does not allow them',
    on: 'h',
    steps: [{ origin: { status: 403, body: 'one', headers: { 'last-modified': ago(10000) } } }, asksAgain],
  },
  {
    is: '4.2.3: Age of the answer counts',
    steps: [
      { origin: ok('max-age=60', { headers: { age: '50' } }) },
      { after: 5, gets: { headers: { age: '55' } } },
      { ...asksAgain, after: 6 },
    ],
  },
  {
    is: '4.2.3: an old Date counts, too',
    steps: [{ origin: ok('max-age=60', { headers: { date: ago(50) } }) }, { ...asksAgain, after: 15 }],
  },
  {
    is: 'RFC 9110 6.6.1: without a Date it is when it came',
    steps: [
      { origin: ok('max-age=60', { headers: { date: null } }) },
      { after: 5, gets: { body: 'one', headers: { age: '5', date: ago(0) } } },
    ],
  },
  {
    is: '4.2.4: stale and no upstream: no answer rather than a stale one',
    steps: [first, { after: 61, origin: 'dead', gets: { status: 502 } }],
  },
  // 4.3 Validation
  {
    is: '4.3.1, 4.3.4: stale is asked about by its tag, and a 304 makes it fresh',
    steps: [
      { origin: tagged },
      {
        after: 61,
        saw: { 'if-none-match': '"v1"' },
        origin: tagged304,
        gets: {
          status: 200,
          body: 'one',
          headers: { age: '0', 'cache-status': /fwd=stale; fwd-status=304/ },
        },
      },
      { ...hit, after: 59 },
    ],
  },
  {
    is: '4.3.1: without a tag by its date',
    steps: [
      { origin: ok('max-age=60', { headers: { 'last-modified': ago(500) } }) },
      {
        after: 61,
        saw: { 'if-modified-since': ago(500), 'if-none-match': null },
        origin: { status: 304, headers: { 'cache-control': 'max-age=60' } },
        gets: { status: 200, body: 'one' },
      },
    ],
  },
  {
    is: '4.3.1: beside what the client asks for itself',
    steps: [
      { origin: tagged },
      {
        after: 61,
        send: { 'if-none-match': '"mine"' },
        saw: { 'if-none-match': '"mine", "v1"' },
        origin: tagged304,
        gets: { status: 200, body: 'one' },
      },
    ],
  },
  {
    is: '4.3.4: a 304 about the client’s own tag is the client’s',
    steps: [
      { origin: tagged },
      {
        after: 61,
        send: { 'if-none-match': '"mine"' },
        origin: { status: 304, headers: { etag: '"mine"' } },
        gets: { status: 304, body: '' },
      },
    ],
  },
  {
    is: '4.3.3: a 200 replaces what was stored',
    steps: [
      { origin: tagged },
      {
        after: 61,
        origin: { body: 'two', headers: { 'cache-control': 'max-age=60', etag: '"v2"' } },
        gets: { body: 'two' },
      },
      { gets: { body: 'two' } },
    ],
  },
  {
    is: '4.3.3: a 5xx to a question is given on, and what is stored stays',
    steps: [
      { origin: tagged },
      { after: 61, origin: { status: 503, body: 'no' }, gets: { status: 503 } },
      { origin: tagged304, gets: { status: 200, body: 'one' } },
    ],
  },
  {
    is: '3.2: a 304 renews fields, but none of the content',
    steps: [
      { origin: ok('max-age=60', { headers: { etag: '"v1"', 'x-note': 'old' } }) },
      {
        after: 61,
        origin: {
          status: 304,
          headers: { etag: '"v1"', 'x-note': 'new', 'content-type': 'x/y', 'cache-control': 'max-age=60' },
        },
        gets: { headers: { 'x-note': 'new', 'content-type': null, 'content-length': '3' } },
      },
      { gets: { headers: { 'x-note': 'new' } } },
    ],
  },
  {
    is: '4.3.2: If-None-Match of a fresh answer is answered here, weakly compared',
    steps: [
      { origin: tagged },
      {
        send: { 'if-none-match': 'W/"v1"' },
        gets: { status: 304, body: '', headers: { etag: '"v1"', 'cache-control': 'max-age=60', date: /./ } },
      },
      { send: { 'if-none-match': '"x", "v1"' }, gets: { status: 304 } },
      { send: { 'if-none-match': '*' }, gets: { status: 304 } },
      { send: { 'if-none-match': '"x"' }, gets: { status: 200, body: 'one' } },
    ],
  },
  {
    is: '4.3.2: If-Modified-Since counts where there is no If-None-Match',
    steps: [
      { origin: ok('max-age=60', { headers: { etag: '"v1"', 'last-modified': ago(500) } }) },
      { send: { 'if-modified-since': ago(500) }, gets: { status: 304 } },
      { send: { 'if-modified-since': ago(501) }, gets: { status: 200 } },
      { send: { 'if-modified-since': ago(500), 'if-none-match': '"x"' }, gets: { status: 200 } },
      { send: { 'if-modified-since': 'yesterday' }, gets: { status: 200 } },
    ],
  },
  {
    is: '4.3.2: without Last-Modified its Date stands for it',
    steps: [
      first,
      { send: { 'if-modified-since': ago(-1) }, gets: { status: 304 } },
      { send: { 'if-modified-since': ago(1) }, gets: { status: 200 } },
    ],
  },
  {
    is: '4.3.2: If-Match and If-Unmodified-Since are for the origin',
    steps: [
      { origin: tagged },
      { send: { 'if-match': '"v1"' }, saw: { 'if-match': '"v1"' }, origin: two, gets: { body: 'two' } },
      { send: { 'if-unmodified-since': ago(0) }, origin: two },
      hit,
    ],
  },
  {
    is: '4.3.5: HEAD that says the same makes fresh',
    steps: [
      { origin: tagged },
      {
        after: 61,
        method: 'HEAD',
        origin: { ...tagged, headers: { ...tagged.headers, 'content-length': '3' } },
      },
      { ...hit, after: 30 },
    ],
  },
  {
    is: '4.3.5: HEAD that says something else ends what is stored',
    steps: [
      { origin: tagged },
      {
        after: 61,
        method: 'HEAD',
        origin: { body: 'four', headers: { etag: '"v1"', 'cache-control': 'max-age=60' } },
      },
      { saw: { 'if-none-match': null }, ...asksAgain },
    ],
  },
  // 4.4 Invalidation
  ...['POST', 'PUT', 'PATCH', 'DELETE', 'PURGE'].map((method) => ({
    is: `4.4: ${method} that succeeds ends what is stored`,
    steps: [first, { method, body: 'x', origin: { status: 200, body: '' } }, asksAgain],
  })),
  {
    is: '4.4: so does a redirect',
    steps: [first, { method: 'POST', body: 'x', origin: { status: 303, body: '' } }, asksAgain],
  },
  {
    is: '4.4: one that fails does not',
    steps: [first, { method: 'POST', body: 'x', origin: { status: 400, body: '' } }, hit],
  },
  {
    is: '4.4: nor on another path',
    steps: [first, { method: 'POST', at: '/other', body: 'x', origin: { status: 200, body: '' } }, hit],
  },
  {
    is: '4.4: Location of the same origin ends, too',
    steps: [
      { ...first, at: '/b?c=1' },
      { method: 'POST', body: 'x', origin: { status: 201, headers: { location: 'PATH/b?c=1' } } },
      { ...asksAgain, at: '/b?c=1' },
    ],
  },
  {
    is: '4.4: and Content-Location, as a whole URL',
    steps: [
      { ...first, at: '/b' },
      {
        method: 'PUT',
        body: 'x',
        origin: { status: 200, headers: { 'content-location': 'http://shop.test' + 'PATH/b' } },
      },
      { ...asksAgain, at: '/b' },
    ],
  },
  {
    is: '4.4: of another origin it must not',
    steps: [
      { ...first, at: '/b' },
      {
        method: 'POST',
        body: 'x',
        origin: { status: 201, headers: { location: 'http://evil.test' + 'PATH/b' } },
      },
      { ...hit, at: '/b' },
    ],
  },
  // 5.2.1 Request directives
  {
    is: '5.2.1.1: max-age of a request',
    steps: [
      first,
      { ...hit, after: 10, send: { 'cache-control': 'max-age=10' } },
      { ...asksAgain, after: 1, send: { 'cache-control': 'max-age=10' } },
    ],
  },
  {
    is: '5.2.1.2: max-stale takes what is stale for so long, or for ever',
    steps: [
      first,
      { ...hit, after: 70, send: { 'cache-control': 'max-stale=10' } },
      { ...hit, send: { 'cache-control': 'max-stale' } },
      { ...asksAgain, after: 1, send: { 'cache-control': 'max-stale=10' } },
    ],
  },
  ...['must-revalidate', 'proxy-revalidate', 's-maxage=60'].map((word) => ({
    is: `4.2.4: max-stale does not stand against ${word}`,
    steps: [
      { origin: ok(`max-age=60, ${word}`, { headers: { etag: '"v1"' } }) },
      { ...asksAgain, after: 61, send: { 'cache-control': 'max-stale' } },
    ],
  })),
  {
    is: '5.2.1.3: min-fresh',
    steps: [
      first,
      { ...hit, after: 20, send: { 'cache-control': 'min-fresh=40' } },
      { ...asksAgain, send: { 'cache-control': 'min-fresh=41' } },
    ],
  },
  {
    is: '5.2.1.4: no-cache of a request asks, and what comes is stored',
    steps: [
      { origin: tagged },
      {
        send: { 'cache-control': 'no-cache' },
        saw: { 'if-none-match': '"v1"' },
        origin: two,
        gets: { body: 'two', headers: { 'cache-status': /fwd=request/ } },
      },
      { gets: { body: 'two' } },
    ],
  },
  {
    is: '5.4: Pragma stands for it where there is no Cache-Control',
    steps: [
      first,
      { ...asksAgain, send: { pragma: 'no-cache' } },
      { gets: { body: 'two' }, send: { pragma: 'no-cache', 'cache-control': 'x' } },
    ],
  },
  {
    is: '5.2.1.5: no-store of a request neither stores nor looks',
    steps: [first, { send: { 'cache-control': 'no-store' }, ...asksAgain }, hit],
  },
  {
    is: '5.2.1.7: only-if-cached: out of the store',
    steps: [first, { ...hit, send: { 'cache-control': 'only-if-cached' } }],
  },
  { is: '5.2.1.7: or 504', steps: [{ send: { 'cache-control': 'only-if-cached' }, gets: { status: 504 } }] },
  {
    is: 'directives of requests may be ignored',
    on: 'i',
    steps: [
      first,
      { ...hit, send: { 'cache-control': 'no-cache, max-age=0' } },
      { ...hit, send: { pragma: 'no-cache' } },
    ],
  },
  // 5.2.2 Response directives
  {
    is: '5.2.2.2: must-revalidate: asked about when stale',
    steps: [
      { origin: ok('max-age=60, must-revalidate', { headers: { etag: '"v1"' } }) },
      hit,
      { after: 61, saw: { 'if-none-match': '"v1"' }, origin: tagged304, gets: { body: 'one' } },
    ],
  },
  ...['must-revalidate', 'proxy-revalidate'].map((word) => ({
    is: `5.2.2.2: ${word} and no upstream: 504`,
    on: 's',
    steps: [
      { origin: ok(`max-age=60, ${word}`, { headers: { etag: '"v1"' } }) },
      { after: 61, origin: 'dead' as const, gets: { status: 504 } },
    ],
  })),
  {
    is: '5.2.2.4: no-cache is stored, and asked about each time',
    steps: [
      { origin: ok('no-cache', { headers: { etag: '"v1"' } }) },
      {
        saw: { 'if-none-match': '"v1"' },
        origin: { status: 304, headers: { etag: '"v1"', 'cache-control': 'no-cache' } },
        gets: { body: 'one' },
      },
    ],
  },
  {
    is: '5.2.2.4: with names, those are not given without asking',
    steps: [
      {
        origin: ok('max-age=60, no-cache="x-user, set-cookie"', {
          headers: { 'x-user': 'u', 'set-cookie': 'a=b', 'x-all': '1' },
        }),
        gets: { headers: { 'x-user': 'u' } },
      },
      { gets: { ...hit.gets, headers: { 'x-user': null, 'set-cookie': null, 'x-all': '1' } } },
    ],
  },
  {
    is: '5.2.2.7: private with names, the same',
    steps: [
      { origin: ok('max-age=60, private="x-user"', { headers: { 'x-user': 'u' } }) },
      { gets: { ...hit.gets, headers: { 'x-user': null } } },
    ],
  },
  {
    is: '5.2.2.6: no-transform: content and its coding are as they came',
    steps: [
      { origin: ok('max-age=60, no-transform', { headers: { 'content-encoding': 'x-own' } }) },
      { gets: { body: 'one', headers: { 'content-encoding': 'x-own' } } },
    ],
  },
  // RFC 9110 14: ranges
  {
    is: 'RFC 9110 14.2: ranges out of what is stored whole',
    steps: [
      { origin: ok('max-age=60', { body: '0123456789', headers: { etag: '"v1"' } }) },
      {
        send: { range: 'bytes=2-4' },
        gets: {
          status: 206,
          body: '234',
          headers: { 'content-range': 'bytes 2-4/10', 'content-length': '3' },
        },
      },
      { send: { range: 'bytes=-3' }, gets: { status: 206, body: '789' } },
      { send: { range: 'bytes=7-' }, gets: { status: 206, body: '789' } },
      {
        send: { range: 'bytes=8-99' },
        gets: { status: 206, body: '89', headers: { 'content-range': 'bytes 8-9/10' } },
      },
      { send: { range: 'bytes=10-' }, gets: { status: 416, headers: { 'content-range': 'bytes */10' } } },
      { send: { range: 'bytes=0-1,3-4' }, gets: { status: 200, body: '0123456789' } },
      { send: { range: 'lines=0-1' }, gets: { status: 200 } },
      { send: { range: 'bytes=4-2' }, gets: { status: 200 } },
      { send: { range: 'bytes=0-1', 'if-range': '"v1"' }, gets: { status: 206 } },
      { send: { range: 'bytes=0-1', 'if-range': 'W/"v1"' }, gets: { status: 200 } },
      { send: { range: 'bytes=0-1', 'if-range': '"v2"' }, gets: { status: 200 } },
      { send: { range: 'bytes=0-1', 'if-none-match': '"v1"' }, gets: { status: 304 } },
      { method: 'HEAD', send: { range: 'bytes=0-1' }, gets: { status: 200 } },
    ],
  },
  {
    is: '3.3: a part that is not stored is asked for, and goes through',
    steps: [
      {
        send: { range: 'bytes=0-1' },
        saw: { range: 'bytes=0-1' },
        origin: {
          status: 206,
          body: 'on',
          headers: { 'content-range': 'bytes 0-1/3', 'cache-control': 'max-age=60' },
        },
        gets: { status: 206, body: 'on' },
      },
      { ...first },
    ],
  },
  {
    is: '4.3.4: a range of what a 304 has made fresh',
    steps: [
      { origin: tagged },
      { after: 61, send: { range: 'bytes=1-1' }, origin: tagged304, gets: { status: 206, body: 'n' } },
    ],
  },
  // RFC 5861
  {
    is: 'RFC 5861 4: stale-if-error, where upstreams break off',
    steps: [
      { origin: ok('max-age=60, stale-if-error=30') },
      {
        after: 70,
        origin: 'dead',
        gets: { status: 200, body: 'one', headers: { 'cache-status': /detail=stale-if-error/ } },
      },
      { after: 30, origin: 'dead', gets: { status: 502 } },
    ],
  },
  ...[500, 502, 503, 504].map((status) => ({
    is: `RFC 5861 4: or answer ${status}`,
    steps: [
      { origin: ok('max-age=60, stale-if-error=30') },
      { after: 70, origin: { status, body: 'no' }, gets: { status: 200, body: 'one' } },
    ],
  })),
  {
    is: 'RFC 5861 4: but not 404',
    steps: [
      { origin: ok('max-age=60, stale-if-error=30') },
      { after: 70, origin: { status: 404, body: 'no' }, gets: { status: 404 } },
    ],
  },
  {
    is: 'RFC 5861 4: asked for by the client',
    steps: [
      { origin: tagged },
      { after: 70, send: { 'cache-control': 'stale-if-error=20' }, origin: 'dead', gets: { status: 200 } },
    ],
  },
  {
    is: 'the operator’s stale-if-error, where the answer has none',
    on: 's',
    steps: [{ origin: fresh }, { after: 70, origin: 'dead', gets: { status: 200 } }],
  },
  // RFC 9213
  {
    is: 'RFC 9213: CDN-Cache-Control stands before Cache-Control and Expires',
    steps: [
      { origin: ok('no-store', { headers: { 'cdn-cache-control': 'max-age=60', expires: '0' } }) },
      hit,
    ],
  },
  notKept('RFC 9213: and may forbid', ok('max-age=60', { headers: { 'cdn-cache-control': 'no-store' } })),
  kept(
    'RFC 9213 2.1: one that is no dictionary is not there',
    ok('max-age=60', { headers: { 'cdn-cache-control': 'No-Store;;' } }),
  ),
  // Defaults
  {
    is: 'ttl where the answer says nothing, negativeTtl of 404',
    on: 't',
    steps: [
      { origin: { body: 'one' } },
      { ...hit, after: 29 },
      { at: '/no', origin: { status: 404, body: 'no' } },
      { at: '/no', after: 4, gets: { status: 404 } },
      { at: '/no', after: 2, origin: { status: 404, body: 'no' } },
    ],
  },
];

let plane: CachePlane;
before(async () => {
  const cached = (name: string, settings: object) => ({
    name,
    match: { path: `/${name}/**` },
    to: { http: 'ORIGIN' },
    policies: [{ 'http-cache': { scope: 'everybody', ...settings } }],
  });
  plane = await startCachePlane({
    routes: [
      cached('a', {}),
      cached('h', { heuristic: { percent: 10 } }),
      cached('i', { requestDirectives: 'ignore' }),
      cached('s', { staleIfError: '30s' }),
      cached('t', { ttl: '30s', negativeTtl: '5s' }),
    ],
  });
});
after(() => plane.stop());

for (const [n, { is, on = 'a', steps }] of rows.entries()) {
  test(is, async () => {
    const path = `/${on}/${n}`;
    // Dates in the table are of the beginning.
    plane.rewind();
    for (const [i, step] of steps.entries()) {
      const where = `step ${i + 1}`;
      plane.advance(step.after ?? 0);
      const before = plane.asked.length;
      plane.origin = () => (step.origin === 'dead' ? null : inPlace(step.origin ?? { status: 599 }, path));
      const got = await plane.ask(`${step.method ?? 'GET'} ${path}${step.at ?? ''}`, step.send, step.body);
      const asked = plane.asked.slice(before);
      if (step.origin === undefined) assert.equal(asked.length, 0, `${where}: the origin was asked`);
      else assert.ok(asked.length > 0, `${where}: the origin was not asked: ${JSON.stringify(got)}`);
      for (const [name, value] of Object.entries(step.saw ?? {}))
        assert.equal(
          new RegExp(`^${name}: (.*)$`, 'im').exec(asked[0]!.head)?.[1]?.trim() ?? null,
          value,
          where,
        );
      const { status, body, headers = {} } = step.gets ?? {};
      if (status !== undefined) assert.equal(got.status, status, `${where}: ${JSON.stringify(got)}`);
      if (body !== undefined) assert.equal(got.body, body, where);
      for (const [name, wanted] of Object.entries(headers)) {
        const value = got.headers[name] ?? null;
        if (wanted instanceof RegExp) assert.match(value ?? '', wanted, `${where}: ${name}`);
        else assert.equal(value, wanted, `${where}: ${name}`);
      }
    }
  });
}

/** Places in the table are below the row's own path. */
const inPlace = (answer: OriginAnswer, path: string): OriginAnswer => ({
  ...answer,
  headers: Object.fromEntries(
    Object.entries(answer.headers ?? {}).map(([name, value]) => [
      name,
      typeof value === 'string' ? value.replace('PATH', path) : value,
    ]),
  ),
});
