/**
 * What RFC 9110 and RFC 9112 demand of a gateway with each message it passes on, one case for each demand, by raw sockets on
 * both sides. How requests are framed, and what is refused, is in test/security/request-smuggling.test.ts and
 * request-target.test.ts; what upstreams may not do, in upstream-lies.test.ts; `Expect` in expectations.test.ts.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { sendRaw } from '../harness/raw-socket.ts';
import { okAnswer, startRawUpstream, type RawRequest, type RawUpstream } from '../harness/raw-upstream.ts';

const limits = { timeout: 30_000 };
let upstream: RawUpstream;
let gateway: TestGateway;
/** What the upstream answers. */
let answer: string | readonly string[] = okAnswer('x');

before(async () => {
  upstream = await startRawUpstream((socket) => {
    for (const piece of typeof answer === 'string' ? [answer] : answer) socket.write(piece, 'latin1');
  });
  gateway = await startTestGateway({
    config: {
      policies: [],
      routes: [
        {
          name: 'some',
          match: { path: '/some/**', methods: ['GET', 'OPTIONS'] },
          to: { http: upstream.url },
        },
        { name: 'all', match: { path: '/**' }, to: { http: upstream.url } },
      ],
    },
  });
});
after(async () => {
  await gateway.stop();
  await upstream.close();
});

const request = (line: string, fields: readonly string[] = [], body = '') =>
  `${line}\r\n${['Host: a.test', ...fields].map((field) => `${field}\r\n`).join('')}\r\n${body}`;

interface Passed {
  /** As the upstream received it. */
  readonly sent: RawRequest;
  /** As the client received it. */
  readonly text: string;
  readonly status: number;
  readonly closed: boolean;
}

async function pass(line: string, fields: readonly string[] = [], body = ''): Promise<Passed> {
  const before = upstream.requests.length;
  const came = await sendRaw(gateway.port, request(line, fields, body), 100);
  assert.equal(upstream.requests.length, before + 1, came.text);
  return { sent: upstream.requests.at(-1)!, ...came };
}

const fieldOf = (head: string, name: string): string[] =>
  head
    .split('\r\n')
    .slice(1)
    .filter((line) => line.toLowerCase().startsWith(`${name}:`))
    .map((line) => line.slice(name.length + 1).trim());
const headOf = (text: string): string => text.slice(0, text.indexOf('\r\n\r\n'));
const bodyOf = (text: string): string => text.slice(text.indexOf('\r\n\r\n') + 4);

describe('requests', limits, () => {
  test('RFC 9110 §7.6.1: fields that Connection names, and Connection itself, end here', async () => {
    const { sent } = await pass('GET /a HTTP/1.1', [
      'Connection: keep-alive, X-Hop',
      'X-Hop: 1',
      'Keep-Alive: timeout=5',
      'Proxy-Connection: keep-alive',
      'TE: trailers',
      'X-Mine: 2',
    ]);
    for (const name of ['x-hop', 'keep-alive', 'proxy-connection', 'te'])
      assert.deepEqual(fieldOf(sent.head, name), [], name);
    assert.deepEqual(fieldOf(sent.head, 'x-mine'), ['2']);
  });

  test('RFC 9110 §7.6.3: Via is added to what is there, in its order', async () => {
    const { sent } = await pass('GET /a HTTP/1.1', ['Via: 1.0 first', 'Via: 1.1 second (old)']);
    assert.deepEqual(fieldOf(sent.head, 'via').join(', '), '1.0 first, 1.1 second (old), 1.1 sluice');
  });

  test('RFC 9110 §7.6.2: OPTIONS with Max-Forwards goes as far as it says, and no further', async () => {
    const { sent } = await pass('OPTIONS /a HTTP/1.1', ['Max-Forwards: 3']);
    assert.deepEqual(fieldOf(sent.head, 'max-forwards'), ['2']);
    const before = upstream.requests.length;
    const last = await sendRaw(gateway.port, request('OPTIONS /some/a HTTP/1.1', ['Max-Forwards: 0']), 100);
    assert.equal(last.status, 204);
    assert.deepEqual(fieldOf(headOf(last.text), 'allow').join().split(', ').sort(), [
      'GET',
      'HEAD',
      'OPTIONS',
    ]);
    assert.equal(upstream.requests.length, before);
    const get = await pass('GET /a HTTP/1.1', ['Max-Forwards: 0']);
    assert.deepEqual(fieldOf(get.sent.head, 'max-forwards'), ['0']);
  });

  test('RFC 9110 §7.2: Host names whom the request goes to', async () => {
    const { sent } = await pass('GET /a HTTP/1.1');
    assert.deepEqual(fieldOf(sent.head, 'host'), [new URL(upstream.url).host]);
  });

  test('RFC 9110 §5.3: fields of one name keep their order', async () => {
    const { sent } = await pass('GET /a HTTP/1.1', ['X-List: 1', 'Accept: */*', 'X-List: 2', 'X-List: 3']);
    assert.deepEqual(fieldOf(sent.head, 'x-list').join(), '1,2,3');
  });

  test('RFC 9110 §5.1, §5.5: unknown fields pass, obs-text and inner blanks as they are', async () => {
    const { sent } = await pass('GET /a HTTP/1.1', ['X-Unknown: caf\xe9  \t au lait']);
    assert.deepEqual(fieldOf(sent.head, 'x-unknown'), ['caf\xe9  \t au lait']);
  });

  test('RFC 9110 §9.1: unknown methods pass, in their own case', async () => {
    const { sent } = await pass('PURGEx /a HTTP/1.1', ['Content-Length: 0']);
    assert.equal(sent.method, 'PURGEx');
  });

  test('RFC 9110 §8.4, §7.7: a content coding is not touched', async () => {
    const { sent } = await pass('POST /a HTTP/1.1', ['Content-Encoding: x-own', 'Content-Length: 3'], 'abc');
    assert.deepEqual([fieldOf(sent.head, 'content-encoding'), sent.body], [['x-own'], 'abc']);
  });

  test('RFC 9110 §8.6: a length is sent for a body, and none is made up for GET', async () => {
    const post = await pass('POST /a HTTP/1.1', ['Content-Length: 3'], 'abc');
    assert.deepEqual(fieldOf(post.sent.head, 'content-length'), ['3']);
    const get = await pass('GET /a HTTP/1.1');
    assert.deepEqual(fieldOf(get.sent.head, 'content-length'), []);
  });

  test('RFC 9112 §6.1, §7.1: chunked in is chunked out, its payload as it was', async () => {
    const { sent } = await pass(
      'POST /a HTTP/1.1',
      ['Transfer-Encoding: chunked'],
      '3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n',
    );
    assert.deepEqual(fieldOf(sent.head, 'transfer-encoding'), ['chunked']);
    assert.deepEqual(fieldOf(sent.head, 'content-length'), []);
    assert.match(sent.body, /abc/);
    assert.doesNotMatch(sent.body, /ext=1|X-Trailer/);
  });

  test('RFC 9112 §2.2: an empty line before the request line is passed over', async () => {
    const before = upstream.requests.length;
    const { status } = await sendRaw(gateway.port, `\r\n${request('GET /a HTTP/1.1')}`, 100);
    assert.equal(status, 200);
    assert.equal(upstream.requests.length, before + 1);
  });

  test('RFC 9112 §3.2: without Host, or with two, it is 400, and nobody hears of it', async () => {
    const before = upstream.requests.length;
    for (const head of ['GET /a HTTP/1.1\r\n\r\n', 'GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'])
      assert.equal((await sendRaw(gateway.port, head, 100)).status, 400);
    assert.equal(upstream.requests.length, before);
  });

  test('RFC 9112 §2.5: what is sent on is HTTP/1.1, whatever came', async () => {
    const before = upstream.requests.length;
    await sendRaw(gateway.port, 'GET /a HTTP/1.0\r\nHost: a\r\n\r\n', 100);
    assert.match(upstream.requests[before]!.head, /^GET \/a HTTP\/1\.1\r\n/);
  });
});

describe('answers', limits, () => {
  test('RFC 9110 §7.6.1, §7.6.3: hop-by-hop fields end here, Via is added', async () => {
    answer =
      'HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\nVia: 1.1 far\r\nX-Far: 1\r\nContent-Length: 0\r\n\r\n';
    const { text } = await pass('GET /a HTTP/1.1');
    const head = headOf(text);
    assert.deepEqual(fieldOf(head, 'x-hop'), []);
    assert.deepEqual(fieldOf(head, 'keep-alive').join().includes('9'), false);
    assert.deepEqual(fieldOf(head, 'via').join(', '), '1.1 far, 1.1 sluice');
    assert.deepEqual(fieldOf(head, 'x-far'), ['1']);
  });

  test('RFC 9110 §6.6.1: an answer without Date gets one, one that has it keeps it', async () => {
    answer = okAnswer('x');
    const { text } = await pass('GET /a HTTP/1.1');
    assert.equal(fieldOf(headOf(text), 'date').length, 1);
    answer = 'HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n';
    const dated = await pass('GET /a HTTP/1.1');
    assert.deepEqual(fieldOf(headOf(dated.text), 'date'), ['Mon, 01 Jan 2024 00:00:00 GMT']);
  });

  test('RFC 9110 §15.2: interim answers reach clients of HTTP/1.1, and none of HTTP/1.0', async () => {
    answer = [`HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n`, okAnswer('x')];
    const { text } = await pass('GET /a HTTP/1.1');
    assert.match(text, /^HTTP\/1\.1 103 [^]*link: <\/a\.css>[^]*HTTP\/1\.1 200 /i);
    const old = await sendRaw(gateway.port, 'GET /a HTTP/1.0\r\nHost: a\r\n\r\n', 100);
    assert.match(old.text, /^HTTP\/1\.1 200 /);
  });

  test('RFC 9110 §9.3.2: HEAD has the fields of GET, and no body', async () => {
    answer = 'HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nETag: "e"\r\n\r\n';
    const { text } = await pass('HEAD /a HTTP/1.1');
    assert.deepEqual(fieldOf(headOf(text), 'content-length'), ['1234']);
    assert.equal(bodyOf(text), '');
  });

  test('RFC 9110 §15.3.5, §15.4.5, §8.6: 204 and 304 have no body, 204 no length', async () => {
    answer = 'HTTP/1.1 204 No Content\r\n\r\n';
    const none = await pass('GET /a HTTP/1.1');
    assert.deepEqual([none.status, bodyOf(none.text)], [204, '']);
    assert.deepEqual(fieldOf(headOf(none.text), 'content-length'), []);
    assert.deepEqual(fieldOf(headOf(none.text), 'transfer-encoding'), []);
    answer = 'HTTP/1.1 304 Not Modified\r\nETag: "e"\r\n\r\n';
    const unchanged = await pass('GET /a HTTP/1.1', ['If-None-Match: "e"']);
    assert.deepEqual([unchanged.status, bodyOf(unchanged.text)], [304, '']);
  });

  test('RFC 9110 §15: a status that nobody knows passes as it is', async () => {
    answer = 'HTTP/1.1 499 Odd\r\nContent-Length: 1\r\n\r\nx';
    assert.equal((await pass('GET /a HTTP/1.1')).status, 499);
  });

  test('RFC 9110 §14: ranges are the upstream’s affair', async () => {
    answer = 'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-0/5\r\nContent-Length: 1\r\n\r\na';
    const { sent, status, text } = await pass('GET /a HTTP/1.1', ['Range: bytes=0-0']);
    assert.deepEqual(fieldOf(sent.head, 'range'), ['bytes=0-0']);
    assert.deepEqual([status, fieldOf(headOf(text), 'content-range')], [206, ['bytes 0-0/5']]);
  });

  test('RFC 9112 §7.1: a chunked answer is chunked for HTTP/1.1, with its trailers', async () => {
    answer =
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n';
    const { text } = await pass('GET /a HTTP/1.1');
    assert.deepEqual(fieldOf(headOf(text), 'transfer-encoding'), ['chunked']);
    assert.match(bodyOf(text), /^3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n$/i);
  });

  test('RFC 9112 §6.1: nothing is chunked for HTTP/1.0; the end of the body is the end of the connection', async () => {
    answer = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n';
    const { text, closed } = await sendRaw(gateway.port, 'GET /a HTTP/1.0\r\nHost: a\r\n\r\n', 500);
    assert.deepEqual(fieldOf(headOf(text), 'transfer-encoding'), []);
    assert.equal(bodyOf(text), 'abc');
    assert.equal(closed, true);
  });

  test('RFC 9112 §9.3: a connection stays open unless it is asked to close', async () => {
    answer = okAnswer('x');
    const two = request('GET /a HTTP/1.1') + request('GET /b HTTP/1.1', ['Connection: close']);
    const { text, closed } = await sendRaw(gateway.port, two, 500);
    assert.equal(text.split('HTTP/1.1 200 ').length - 1, 2);
    assert.equal(closed, true);
    assert.match(text.slice(text.lastIndexOf('HTTP/1.1 200')), /connection: close/i);
    const old = await sendRaw(gateway.port, 'GET /a HTTP/1.0\r\nHost: a\r\n\r\n', 500);
    assert.equal(old.closed, true);
  });

  test('RFC 9112 §9.3.2: answers to requests in a row come in their order', async () => {
    answer = okAnswer('x');
    const before = upstream.requests.length;
    const three = ['/1', '/2', '/3'].map((path) => request(`GET ${path} HTTP/1.1`)).join('');
    const { text } = await sendRaw(gateway.port, three, 300);
    assert.equal(text.split('HTTP/1.1 200 ').length - 1, 3);
    assert.deepEqual(
      upstream.requests.slice(before).map(({ path }) => path),
      ['/1', '/2', '/3'],
    );
  });

  test('RFC 9112 §8: an answer that is cut is not made whole', async () => {
    answer = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc';
    const cut = sendRaw(gateway.port, request('GET /a HTTP/1.1'), 5000);
    while (upstream.sockets.size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (const socket of upstream.sockets) socket.destroy();
    const { text, closed } = await cut;
    assert.equal(closed, true);
    assert.ok(bodyOf(text).length < 100);
  });
});
