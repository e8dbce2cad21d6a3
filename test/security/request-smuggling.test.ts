import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { sendRaw } from '../harness/raw-socket.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway();
});
after(() => gateway.stop());

const head = (lines: string[], body = '') => `${lines.join('\r\n')}\r\n\r\n${body}`;
const auth = `Authorization: Bearer ${testKey}`;

/** What the upstream saw, by the path that marks the test. */
const seen = (mark: string) => gateway.simulator.calls().filter((call) => call.path.includes(mark));

describe('security 1–5: requests with two readings are refused, and the connection closed', () => {
  const framings: Record<string, string[]> = {
    'a length and a transfer coding': ['Content-Length: 5', 'Transfer-Encoding: chunked'],
    'two different lengths': ['Content-Length: 5', 'Content-Length: 6'],
    'two equal lengths': ['Content-Length: 5', 'Content-Length: 5'],
    'a list of lengths': ['Content-Length: 5, 6'],
    'a negative length': ['Content-Length: -5'],
    'a length with a sign': ['Content-Length: +5'],
    'a hexadecimal length': ['Content-Length: 0x5'],
    'an unknown coding': ['Transfer-Encoding: xchunked'],
    'chunked that is not last': ['Transfer-Encoding: chunked, identity'],
    'chunked with a vertical tab': ['Transfer-Encoding: chunked\x0b'],
    'transfer coding twice': ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'],
    'a space before the colon': ['Content-Length : 5'],
    'an obsolete folded line': ['X-Folded: a', ' b', 'Content-Length: 5'],
    'NUL in a value': ['X-Nul: a\0b', 'Content-Length: 5'],
    'a bare CR in a value': ['X-Cr: a\rb', 'Content-Length: 5'],
  };
  const kinds: Record<string, string> = { http: '/open/echo/smuggle', llm: '/v1/chat/completions?smuggle' };
  for (const [what, lines] of Object.entries(framings))
    for (const [kind, path] of Object.entries(kinds)) {
      test(`${what} (${kind})`, async () => {
        const mark = `${path}-${what.replaceAll(' ', '-')}`;
        const smuggled = head(['GET /open/echo/second HTTP/1.1', 'Host: x']);
        const answer = await sendRaw(
          gateway.port,
          head([`POST ${mark} HTTP/1.1`, 'Host: x', ...lines], `0\r\n\r\n${smuggled}`),
        );
        assert.equal(answer.status, 400, answer.text.slice(0, 200));
        assert.ok(answer.closed);
        assert.equal(answer.text.match(/HTTP\/1\.1 \d{3}/g)?.length, 1);
        assert.equal(seen('second').length, 0);
        assert.equal(seen('smuggle').length, 0);
      });
    }

  const chunkings: Record<string, string> = {
    'a chunk size that overflows': 'FFFFFFFFFFFFFFFFF\r\nabc',
    'a negative chunk size': '-1\r\nabc\r\n0\r\n\r\n',
    'a chunk without its CRLF': '3\r\nabcX0\r\n\r\n',
    'a chunk size with 0x': '0x3\r\nabc\r\n0\r\n\r\n',
    'a chunk size with a space': '3 \r\nabc\r\n0\r\n\r\n',
    'a trailer with a bare line feed': '3\r\nabc\r\n0\r\nx: y\n\r\n\r\n',
    'a trailer without end': `3\r\nabc\r\n0\r\n${'x: y\r\n'.repeat(20_000)}`,
  };
  for (const [what, body] of Object.entries(chunkings)) {
    test(what, async () => {
      const lines = ['POST /open/echo/chunks HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked'];
      const answer = await sendRaw(gateway.port, head(lines, body));
      assert.ok(answer.status === 400 || answer.status === 502, answer.text.slice(0, 200));
      assert.ok(answer.closed);
    });
  }

  test('a chunk extension of 10 MB does not grow memory, and is refused', async () => {
    const lines = ['POST /open/echo/extension HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked'];
    const answer = await sendRaw(
      gateway.port,
      head(lines, `3;${'x'.repeat(10_000_000)}\r\nabc\r\n0\r\n\r\n`),
    ).catch(() => ({ status: 400 }));
    assert.ok(answer.status >= 400);
  });
});

describe('security 12: the request line and Host', () => {
  const bad: Record<string, string[]> = {
    'no Host': ['GET /open/echo HTTP/1.1'],
    'two Hosts': ['GET /open/echo HTTP/1.1', 'Host: a', 'Host: b'],
    'a Host with user info': ['GET /open/echo HTTP/1.1', 'Host: a@b'],
    'a Host with an impossible port': ['GET /open/echo HTTP/1.1', 'Host: a:99999'],
    'a Host with a slash': ['GET /open/echo HTTP/1.1', 'Host: a/b'],
    'a Host with a space': ['GET /open/echo HTTP/1.1', 'Host: a b'],
    'an empty Host': ['GET /open/echo HTTP/1.1', 'Host: '],
    'another host in an absolute target': ['GET http://evil.test/open/echo HTTP/1.1', 'Host: a'],
    'an absolute target that is not http': ['GET ftp://a/open/echo HTTP/1.1', 'Host: a'],
    'an authority as target': ['GET a:80 HTTP/1.1', 'Host: a'],
  };
  for (const [what, lines] of Object.entries(bad)) {
    test(`${what} is refused`, async () => {
      const answer = await sendRaw(gateway.port, head(lines));
      assert.equal(answer.status, 400, answer.text.slice(0, 200));
    });
  }
  test('CONNECT is refused', async () => {
    const answer = await sendRaw(gateway.port, head(['CONNECT a:80 HTTP/1.1', 'Host: a:80']));
    assert.equal(answer.status, 400);
    assert.ok(answer.closed);
  });
  test('TRACE is not forwarded', async () => {
    const answer = await sendRaw(gateway.port, head(['TRACE /open/echo/trace HTTP/1.1', 'Host: a']));
    assert.equal(answer.status, 405);
    assert.equal(seen('trace').length, 0);
  });
  test('an absolute target of the same host is the same request', async () => {
    const answer = await sendRaw(
      gateway.port,
      head(['GET http://a/open/echo/absolute HTTP/1.1', 'Host: A', 'Connection: close']),
    );
    assert.equal(answer.status, 200);
    assert.ok(answer.text.includes('"url":"/echo/absolute"'));
  });
});

describe('security 13: paths that two servers could read differently are refused', () => {
  const paths = [
    '/open//admin',
    '/./admin',
    '/open/../api/echo',
    '/open/%2e%2e/api/echo',
    '/open/.%2e/x',
    '/open/a%2fb',
    '/open/a%5cb',
    '/open/a\\b',
    '/open/a;x=1',
    '/open/a%00',
    '/open/%252e%252e/x',
    '/open/%c0%ae%c0%ae/x',
    '/open/a.',
    '/open/a%20',
    '/open/a%0d%0ab',
    '/open/%zz',
    '/open/%',
  ];
  for (const path of paths) {
    test(path, async () => {
      const answer = await sendRaw(
        gateway.port,
        head([`GET ${path} HTTP/1.1`, 'Host: a', 'Connection: close']),
      );
      assert.equal(answer.status, 400, answer.text.slice(0, 200));
    });
  }
  test('an escape of an unreserved character is the character', async () => {
    const answer = await sendRaw(
      gateway.port,
      head(['GET /%6fpen/echo/%7Etilde%2A HTTP/1.1', 'Host: a', 'Connection: close']),
    );
    assert.ok(answer.text.includes('"url":"/echo/~tilde%2A"'), answer.text);
  });
});

describe('bodies and expectations', () => {
  for (const method of ['GET', 'DELETE', 'OPTIONS'])
    test(`security 6: a ${method} with a chunked body is framed correctly for the upstream`, async () => {
      const lines = [
        `${method} /open/echo/get-body HTTP/1.1`,
        'Host: a',
        'Transfer-Encoding: chunked',
        'Connection: close',
      ];
      const answer = await sendRaw(gateway.port, head(lines, '5\r\nhello\r\n0\r\n\r\n'));
      assert.equal(answer.status, 200);
      assert.ok(answer.text.includes('"bodyLength":5'), answer.text);
    });
  test('security 9: 100-continue comes after authentication, not before', async () => {
    const expecting = (key: string) =>
      head([
        'POST /api/echo/expect HTTP/1.1',
        'Host: a',
        `Authorization: Bearer ${key}`,
        'Content-Length: 5',
        'Expect: 100-continue',
        'Connection: close',
      ]);
    const refused = await sendRaw(gateway.port, expecting('wrong'));
    assert.equal(refused.status, 401);
    assert.ok(!refused.text.includes('100 Continue'));
    const admitted = await sendRaw(gateway.port, expecting(testKey) + 'hello');
    assert.ok(admitted.text.startsWith('HTTP/1.1 100 Continue'), admitted.text.slice(0, 100));
    assert.ok(admitted.text.includes('"bodyLength":5'));
  });
  test('security 9: another expectation is 417', async () => {
    const answer = await sendRaw(
      gateway.port,
      head(['POST /open/echo HTTP/1.1', 'Host: a', 'Expect: coffee', 'Content-Length: 0']),
    );
    assert.equal(answer.status, 417);
  });
  test('security 9: an answer that comes before the body was read does not desynchronise the connection', async () => {
    // What looks like a second request is inside the first one's body, most of which never comes.
    const body = head(['GET /open/echo/after-early HTTP/1.1', 'Host: a']).repeat(20);
    const lines = ['POST /api/echo/early HTTP/1.1', 'Host: a', `Content-Length: ${body.length + 50_000}`];
    const answer = await sendRaw(gateway.port, head(lines, body), 1500);
    assert.equal(answer.status, 401);
    assert.ok(answer.closed);
    assert.equal(answer.text.match(/HTTP\/1\.1 \d{3}/g)?.length, 1);
    assert.equal(seen('after-early').length, 0);
  });
});

describe('headers', () => {
  test('security 8: hop-by-hop fields stay, and Connection cannot remove what is end to end', async () => {
    const lines = [
      'GET /open/echo/hop HTTP/1.1',
      'Host: a',
      'X-One: 1',
      'Keep-Alive: timeout=9',
      'TE: trailers',
      'Proxy-Authorization: x',
      'Connection: close, x-one',
    ];
    const answer = await sendRaw(gateway.port, head(lines));
    assert.equal(answer.status, 200);
    for (const name of ['x-one', 'keep-alive: timeout=9', 'proxy-authorization', '"te"'])
      assert.ok(!answer.text.toLowerCase().includes(name), name);
    const abuse = await sendRaw(
      gateway.port,
      head(['GET /api/echo/abuse HTTP/1.1', 'Host: a', auth, 'Connection: close, authorization']),
    );
    assert.equal(abuse.status, 400);
    assert.equal(seen('abuse').length, 0);
  });
  test('security 17 and 18: what a client says of itself is not believed', async () => {
    const lines = [
      'GET /open/echo/forwarded HTTP/1.1',
      'Host: a',
      'X-Forwarded-For: 6.6.6.6',
      'X_Forwarded_For: 7.7.7.7',
      'X-Forwarded-Host: evil',
      'Forwarded: for=8.8.8.8',
      'Connection: close',
    ];
    const answer = await sendRaw(gateway.port, head(lines));
    const body = JSON.parse(answer.text.slice(answer.text.indexOf('{'))) as { rawHeaders: string[] };
    const sent = new Map<string, string>();
    for (let i = 0; i < body.rawHeaders.length; i += 2)
      sent.set(body.rawHeaders[i]!.toLowerCase(), body.rawHeaders[i + 1]!);
    assert.equal(sent.get('x-forwarded-for'), '127.0.0.1');
    assert.equal(sent.get('x-forwarded-host'), 'a');
    assert.equal(sent.has('forwarded'), false);
    assert.equal(sent.has('x_forwarded_for'), false);
    assert.equal(sent.get('via'), '1.1 sluice');
  });
  test('security 17: a credential used here goes no further', async () => {
    await sendRaw(
      gateway.port,
      head(['GET /api/echo/consumed HTTP/1.1', 'Host: a', auth, 'Connection: close']),
    );
    const [call] = seen('consumed');
    assert.ok(call);
    assert.ok(!JSON.stringify(call).includes(testKey));
  });
  test('security 18: a credential twice is refused', async () => {
    const answer = await sendRaw(
      gateway.port,
      head(['GET /api/echo HTTP/1.1', 'Host: a', auth, 'Authorization: Bearer other', 'Connection: close']),
    );
    assert.equal(answer.status, 400);
  });
  test('security 19: ten thousand headers, or a header of a megabyte, are 431', async () => {
    const many = Array.from({ length: 10_000 }, (_, i) => `X-H${i}: y`);
    assert.equal(
      (await sendRaw(gateway.port, head(['GET /open/echo HTTP/1.1', 'Host: a', ...many]))).status,
      431,
    );
    const large = await sendRaw(
      gateway.port,
      head(['GET /open/echo HTTP/1.1', 'Host: a', `Cookie: ${'c'.repeat(1_000_000)}`]),
    );
    assert.equal(large.status, 431);
  });
  test('security 21: an invalid traceparent begins a new trace, a valid one is continued', async () => {
    const sent = async (value: string) => {
      const answer = await sendRaw(
        gateway.port,
        head(['GET /open/echo/trace-it HTTP/1.1', 'Host: a', `traceparent: ${value}`, 'Connection: close']),
      );
      return /"traceparent","(00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})"/.exec(answer.text)?.[1] ?? '';
    };
    const trace = 'a'.repeat(32);
    assert.ok((await sent(`00-${trace}-${'b'.repeat(16)}-01`)).startsWith(`00-${trace}-`));
    assert.match(await sent('00-zz-evil\\r\\n-01'), /^00-[0-9a-f]{32}-/);
  });
});
