/** Requests that two readers could take for two different ones: refused on both kinds of route, before anybody sees them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { sendRaw } from '../harness/raw-socket.ts';
import {
  askedMeanwhile,
  auth,
  bodyOf,
  framed,
  message,
  pathOf,
  rawRequest,
  routeKinds,
  statusesIn,
} from '../harness/route-kinds.ts';

let gateway: TestGateway;
before(async () => (gateway = await startTestGateway()));
after(() => gateway.stop());

/** What would be a second request, were the first one's end misread. */
const smuggled = message(['GET /open/echo/smuggled HTTP/1.1', 'Host: x']);

/** Sent, it is answered once with 400, the connection closed, and no upstream asked. */
async function isRefused(request: string): Promise<void> {
  const { result, calls } = await askedMeanwhile(gateway, () => sendRaw(gateway.port, request));
  assert.deepEqual(statusesIn(result.text), ['400'], result.text.slice(0, 200));
  assert.ok(result.closed, 'the connection stays open');
  assert.equal(calls.length, 0);
}

const framings: Record<string, Record<string, readonly string[]>> = {
  'security 1: a length with a transfer coding is refused': {
    'length first': ['Content-Length: 5', 'Transfer-Encoding: chunked'],
    'coding first': ['Transfer-Encoding: chunked', 'Content-Length: 5'],
    'coding in other letters': ['content-length: 5', 'TRANSFER-ENCODING: Chunked'],
  },
  'security 2: two lengths, or one that is no number, are refused': {
    'two different ones': ['Content-Length: 5', 'Content-Length: 6'],
    'two equal ones': ['Content-Length: 5', 'Content-Length: 5'],
    'a list': ['Content-Length: 5, 6'],
    'a list of equal ones': ['Content-Length: 5, 5'],
    'a negative one': ['Content-Length: -5'],
    'one with a sign': ['Content-Length: +5'],
    'a hexadecimal one': ['Content-Length: 0x5'],
    'one with a fraction': ['Content-Length: 5.0'],
    'one that is too large to count': ['Content-Length: 18446744073709551621'],
    'an empty one': ['Content-Length: '],
  },
  'security 3: a transfer coding other than one plain "chunked" is refused': {
    'one that ends like it': ['Transfer-Encoding: xchunked'],
    'chunked that is not last': ['Transfer-Encoding: chunked, identity'],
    'chunked after another': ['Transfer-Encoding: gzip, chunked'],
    'chunked twice in a list': ['Transfer-Encoding: chunked, chunked'],
    'with a vertical tab': ['Transfer-Encoding: chunked\x0b'],
    'with a parameter': ['Transfer-Encoding: chunked;q=1'],
    'in quotation marks': ['Transfer-Encoding: "chunked"'],
    twice: ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'],
    'one for each reader': ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
    'an empty one': ['Transfer-Encoding: '],
  },
  'security 4: folded lines, bare line ends, NUL and odd names are refused': {
    'a folded line': ['X-Folded: a', ' b', 'Content-Length: 5'],
    'a folded coding': ['Transfer-Encoding:', ' chunked'],
    'a bare CR in a value': ['X-Cr: a\rb', 'Content-Length: 5'],
    'a bare LF in a value': ['X-Lf: a\nTransfer-Encoding: chunked', 'Content-Length: 5'],
    'a bare LF at the end of a line': ['X-Lf: a\nContent-Length: 5'],
    'NUL in a value': ['X-Nul: a\0b', 'Content-Length: 5'],
    'NUL in a name': ['X-\0: a', 'Content-Length: 5'],
    'a space before the colon': ['Content-Length : 5'],
    'a tab before the colon': ['Transfer-Encoding\t: chunked'],
    'a line without a colon': ['Content-Length 5'],
    'a line without a name': [': 5'],
  },
};
for (const [statement, cases] of Object.entries(framings))
  describe(statement, () => {
    for (const [what, fields] of Object.entries(cases))
      for (const kind of routeKinds)
        test(`${what} (${kind})`, () =>
          isRefused(rawRequest(kind, { fields, body: `0\r\n\r\n${smuggled}` })));
  });

describe('security 5: chunks that do not add up are refused', () => {
  const chunkings: Record<string, string> = {
    'a size that overflows': 'FFFFFFFFFFFFFFFFF\r\nabc',
    'a size that wraps at 64 bits': '10000000000000003\r\nabc\r\n0\r\n\r\n',
    'a negative size': '-1\r\nabc\r\n0\r\n\r\n',
    'a size with 0x': '0x3\r\nabc\r\n0\r\n\r\n',
    'a size with a space': '3 \r\nabc\r\n0\r\n\r\n',
    'no size': '\r\nabc\r\n0\r\n\r\n',
    'a size ended by a bare line feed': '3\nabc\r\n0\r\n\r\n',
    'a chunk without its line end': '3\r\nabcX0\r\n\r\n',
    'a chunk shorter than its size': '5\r\nabc\r\n0\r\n\r\n',
    'an extension with a bare CR': '3;a\rb\r\nabc\r\n0\r\n\r\n',
    'a trailer with a bare line feed': '3\r\nabc\r\n0\r\nx: y\n\r\n\r\n',
    'a trailer that is a request': `3\r\nabc\r\n0\r\n${smuggled}`,
  };
  const chunked = ['Transfer-Encoding: chunked'];
  for (const kind of routeKinds) {
    for (const [what, body] of Object.entries(chunkings))
      test(`${what} (${kind})`, async () => {
        const text = await sendRaw(gateway.port, rawRequest(kind, { fields: chunked, body }));
        assert.deepEqual(statusesIn(text.text), ['400'], text.text.slice(0, 200));
        assert.ok(text.closed);
        assert.ok(gateway.simulator.calls().every(({ path }) => !path.includes('smuggled')));
      });

    // Nobody waits for their end: what is refused early cannot fill memory.
    const endless: Record<string, string> = {
      'an extension that never ends': `3;${'x'.repeat(1_000)}`,
      'trailers that never end': `3\r\nabc\r\n0\r\n${'x: y\r\n'.repeat(5_000)}`,
      'a size of zeros that never ends': '0'.repeat(1_000),
    };
    for (const [what, body] of Object.entries(endless))
      test(`${what}: refused while it comes (${kind})`, async () => {
        const { text, closed } = await sendRaw(gateway.port, rawRequest(kind, { fields: chunked, body }));
        assert.deepEqual(statusesIn(text), ['400'], text.slice(0, 200));
        assert.ok(closed);
      });

    test(`an extension of 10 MB (${kind})`, async () => {
      const body = `3;${'x'.repeat(10_000_000)}\r\nabc\r\n0\r\n\r\n`;
      // The connection may be reset before its answer is read: the client is still sending.
      const { text } = await sendRaw(gateway.port, rawRequest(kind, { fields: chunked, body })).catch(() => ({
        text: '',
      }));
      assert.ok(text === '' || statusesIn(text)[0] === '400', text.slice(0, 200));
      const next = await sendRaw(gateway.port, rawRequest(kind));
      assert.deepEqual(statusesIn(next.text), ['200']);
    });
  }
});

describe('security 6: a body of GET, DELETE or OPTIONS stays with its request', () => {
  const chunks = `5\r\nhello\r\n0\r\n\r\n`;
  const next = message(['GET /open/echo/next HTTP/1.1', 'Host: a', 'Connection: close']);
  for (const method of ['GET', 'DELETE', 'OPTIONS']) {
    test(`${method} in chunks is framed in one way for the upstream (http)`, async () => {
      const fields = ['Transfer-Encoding: chunked'];
      const { result, calls } = await askedMeanwhile(gateway, () =>
        sendRaw(
          gateway.port,
          rawRequest('http', { method, fields, body: chunks, target: '/api/echo/body' }) + next,
        ),
      );
      assert.deepEqual(statusesIn(result.text), ['200', '200']);
      assert.ok(result.text.includes('"bodyLength":5'), result.text);
      assert.deepEqual(
        calls.map((call) => call.path),
        ['/echo/body', '/echo/next'],
      );
      const { 'content-length': length, 'transfer-encoding': coding } = calls[0]!.requestHeaders!;
      assert.equal((length === undefined ? 0 : 1) + (coding === undefined ? 0 : 1), 1);
    });

    test(`${method} in chunks never becomes a request of its own (llm)`, async () => {
      const fields = ['Transfer-Encoding: chunked'];
      const body = `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`;
      const { result, calls } = await askedMeanwhile(gateway, () =>
        sendRaw(gateway.port, rawRequest('llm', { method, fields, body, target: '/v1/models' }) + next),
      );
      const statuses = statusesIn(result.text);
      assert.equal(statuses[0], method === 'GET' ? '200' : '404');
      assert.equal(statuses.length, result.text.includes('/echo/next') ? 2 : 1);
      assert.ok(calls.every((call) => call.path === '/echo/next'));
    });
  }

  test('the request that all of these are made from is a good one', async () => {
    for (const kind of routeKinds) {
      const lines = [`POST ${pathOf(kind)} HTTP/1.1`, 'Host: a', auth, ...framed(kind)];
      const { text } = await sendRaw(gateway.port, message(lines, bodyOf(kind)));
      assert.deepEqual(statusesIn(text), ['200'], text);
    }
  });
});
