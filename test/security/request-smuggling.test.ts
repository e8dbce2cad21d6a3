import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { flood, sendRaw } from '../harness/raw-socket.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway();
});
after(() => gateway.stop());

const head = (lines: string[], body = '') => `${lines.join('\r\n')}\r\n\r\n${body}`;
const auth = `Authorization: Bearer ${testKey}`;
const statuses = (text: string) => text.match(/(?<=HTTP\/1\.1 )\d{3}/g) ?? [];
/** What follows on the same connection, and is answered only by a gateway that has found the end of what came before. */
const next = head(['GET /nowhere HTTP/1.1', 'Host: x', 'Connection: close']);
const chat = JSON.stringify({
  model: 'o/gpt-sim',
  messages: [{ role: 'user', content: 'simulate:{"tokens":1}' }],
});
const kinds = { http: '/api/echo/framing', llm: '/v1/chat/completions' };
type Kind = keyof typeof kinds;

/** One test for each kind of route, whose requests would be taken but for what the test does to them. */
function forKinds(title: string, run: (path: string, kind: Kind) => Promise<void>): void {
  for (const [kind, path] of Object.entries(kinds)) test(`${title} (${kind})`, () => run(path, kind as Kind));
}

/** Sends what must be refused: with 400, once, by closing the connection, and without telling the upstream. */
async function isRefused(request: string): Promise<void> {
  const before = gateway.simulator.calls().length;
  const answer = await sendRaw(gateway.port, request);
  assert.deepEqual(statuses(answer.text), ['400'], answer.text.slice(0, 300));
  assert.match(answer.text, /request\/malformed/);
  assert.ok(answer.closed);
  assert.equal(gateway.simulator.calls().length, before);
}

describe('security 1–4: requests with two readings are refused, and the connection closed', () => {
  const framings: Record<string, string[]> = {
    'a length and a transfer coding': ['Content-Length: 5', 'Transfer-Encoding: chunked'],
    'a transfer coding and a length': ['Transfer-Encoding: chunked', 'Content-Length: 5'],
    'two different lengths': ['Content-Length: 5', 'Content-Length: 6'],
    'two equal lengths': ['Content-Length: 5', 'Content-Length: 5'],
    'a list of lengths': ['Content-Length: 5, 6'],
    'a negative length': ['Content-Length: -5'],
    'a length with a sign': ['Content-Length: +5'],
    'a hexadecimal length': ['Content-Length: 0x5'],
    'a length without digits': ['Content-Length: '],
    'a length that overflows': ['Content-Length: 18446744073709551621'],
    'an unknown coding': ['Transfer-Encoding: xchunked'],
    'chunked that is not last': ['Transfer-Encoding: chunked, identity'],
    'chunked that is not first': ['Transfer-Encoding: gzip, chunked'],
    'chunked with a vertical tab': ['Transfer-Encoding: chunked\x0b'],
    'chunked in quotes': ['Transfer-Encoding: "chunked"'],
    'chunked twice in one field': ['Transfer-Encoding: chunked, chunked'],
    'transfer coding twice': ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'],
    'a coding that is empty': ['Transfer-Encoding: '],
    'a space before the colon': ['Content-Length : 5'],
    'an obsolete folded line': ['X-Folded: a', ' b', 'Content-Length: 5'],
    'a folded transfer coding': ['Transfer-Encoding:', ' chunked'],
    'NUL in a value': ['X-Nul: a\0b', 'Content-Length: 5'],
    'NUL in a name': ['X-\0: a', 'Content-Length: 5'],
    'a bare CR in a value': ['X-Cr: a\rb', 'Content-Length: 5'],
    'a bare LF that begins another field': ['X-Lf: a\nTransfer-Encoding: chunked', 'Content-Length: 5'],
    'a field without a colon': ['Content-Length 5'],
  };
  for (const [what, lines] of Object.entries(framings)) {
    forKinds(what, (path) => {
      const smuggled = head(['GET /open/echo/second HTTP/1.1', 'Host: x']);
      return isRefused(head([`POST ${path} HTTP/1.1`, 'Host: x', auth, ...lines], `0\r\n\r\n${smuggled}`));
    });
  }
  forKinds('chunks in HTTP/1.0', (path) =>
    isRefused(head([`POST ${path} HTTP/1.0`, 'Host: x', auth, 'Transfer-Encoding: chunked'], '0\r\n\r\n')),
  );
  forKinds('lines that end in LF alone', (path) =>
    isRefused(`POST ${path} HTTP/1.1\nHost: x\n${auth}\nContent-Length: 0\n\n`),
  );
  forKinds('without any of this it is taken', async (path, kind) => {
    const lines = [`POST ${path} HTTP/1.1`, 'Host: x', auth, `Content-Length: ${chat.length}`];
    const { text } = await sendRaw(gateway.port, head(lines, chat + next));
    assert.deepEqual(statuses(text), ['200', '404'], `${kind}: ${text}`);
  });
});

describe('security 5: chunks with two readings are refused, and the connection closed', () => {
  const first = `${chat.length.toString(16)}\r\n${chat}\r\n`;
  const chunkings: Record<string, string> = {
    'a size that overflows': `FFFFFFFFFFFFFFFFF\r\n${chat}`,
    'a size that is negative': `-1\r\n${chat}\r\n0\r\n\r\n`,
    'no size': `\r\n${chat}\r\n0\r\n\r\n`,
    'a chunk without its CRLF': `${first.slice(0, -2)}X0\r\n\r\n`,
    'a chunk longer than its size': `2\r\n${chat}\r\n0\r\n\r\n`,
    'a size with 0x': `0x${first}0\r\n\r\n`,
    'a size with a space': `${first.replace('\r', ' \r')}0\r\n\r\n`,
    'a size whose line ends in LF alone': `${first.replace('\r', '')}0\r\n\r\n`,
    'an extension with a bare LF': `${first.replace('\r', ';a\nb\r')}0\r\n\r\n`,
    'a trailer with a bare LF': `${first}0\r\nx: y\n\r\n\r\n`,
    'a trailer with a folded line': `${first}0\r\nx: y\r\n z\r\n\r\n`,
    'a trailer without end': `${first}0\r\n${'x: y\r\n'.repeat(20_000)}`,
  };
  const chunked = (path: string) => [`POST ${path} HTTP/1.1`, 'Host: x', auth, 'Transfer-Encoding: chunked'];
  for (const [what, body] of Object.entries(chunkings)) {
    forKinds(what, async (path) => {
      const { text, closed } = await sendRaw(gateway.port, head(chunked(path), body));
      assert.deepEqual(statuses(text), ['400'], text.slice(0, 300));
      assert.ok(closed);
    });
  }
  forKinds('without any of this they are taken, and trailers go no further', async (path) => {
    const trailers = '0\r\nAuthorization: Bearer forged\r\nContent-Length: 7\r\n\r\n';
    const { text } = await sendRaw(gateway.port, head(chunked(path), first + trailers + next));
    assert.deepEqual(statuses(text), ['200', '404'], text);
    assert.ok(!JSON.stringify(gateway.simulator.calls().at(-1)).includes('forged'));
    assert.ok(!text.includes('forged'));
  });

  /** More than the buffers of two sockets hold; far less than is offered. */
  const mostTaken = 24 * 2 ** 20;
  const floods = {
    'an extension': { begin: '3;', piece: 'x'.repeat(2 ** 16) },
    'small chunks with large extensions': { begin: '', piece: `1;${'x'.repeat(1000)}\r\n \r\n`.repeat(60) },
    trailers: { begin: `${first}0\r\n`, piece: 'x: y\r\n'.repeat(10_000) },
  };
  for (const [what, { begin, piece }] of Object.entries(floods)) {
    forKinds(`${what} without end: the connection ends, and no memory grows`, async (path) => {
      const { taken, closed } = await flood(gateway.port, {
        begin: head(chunked(path), begin),
        piece,
        mostBytes: 2 ** 27,
      });
      assert.ok(closed);
      assert.ok(taken < mostTaken, `${taken} bytes were taken`);
    });
  }
});

describe('security 6: methods that seldom have a body', () => {
  for (const method of ['GET', 'DELETE', 'OPTIONS'])
    test(`security 6: a ${method} with a chunked body is framed correctly for the upstream (http)`, async () => {
      const lines = [`${method} ${kinds.http} HTTP/1.1`, 'Host: a', auth, 'Transfer-Encoding: chunked'];
      const { text } = await sendRaw(gateway.port, head(lines, `5\r\nhello\r\n0\r\n\r\n${next}`));
      assert.deepEqual(statuses(text), ['200', '404'], text);
      assert.ok(text.includes('"bodyLength":5'), text);
    });
  test('security 6: a GET whose body nobody reads does not become the next request (llm)', async () => {
    const hidden = head(['GET /open/echo/hidden HTTP/1.1', 'Host: x']);
    const size = hidden.length.toString(16);
    const lines = ['GET /v1/models HTTP/1.1', 'Host: a', auth, 'Transfer-Encoding: chunked'];
    const { text } = await sendRaw(gateway.port, head(lines, `${size}\r\n${hidden}\r\n0\r\n\r\n${next}`));
    assert.deepEqual(statuses(text), ['200', '404'], text);
    assert.ok(!text.includes('/echo/hidden'));
  });
});

describe('security 9: expectations, and answers before the body', () => {
  const expecting = (path: string, key: string, expect: string) =>
    head([
      `POST ${path} HTTP/1.1`,
      'Host: a',
      `Authorization: Bearer ${key}`,
      `Content-Length: ${chat.length}`,
      `Expect: ${expect}`,
    ]);

  forKinds('100-continue comes after authentication, not before', async (path) => {
    const refused = await sendRaw(gateway.port, expecting(path, 'wrong', '100-continue'));
    assert.deepEqual(statuses(refused.text), ['401']);
    for (const expect of ['100-continue', '100-CONTINUE']) {
      const { text } = await sendRaw(gateway.port, expecting(path, testKey, expect) + chat + next);
      assert.deepEqual(statuses(text), ['100', '200', '404'], text);
    }
  });
  forKinds('another expectation is 417, and the connection ends', async (path) => {
    for (const expect of ['coffee', '100-continue, coffee', '']) {
      const { text, closed } = await sendRaw(gateway.port, expecting(path, testKey, expect) + chat + next);
      assert.deepEqual(statuses(text), ['417'], `"${expect}": ${text}`);
      assert.ok(closed);
    }
  });
  forKinds('an answer before the body was read does not desynchronise the connection', async (path) => {
    // What looks like a second request is inside the first one's body, most of which never comes.
    const before = gateway.simulator.calls().length;
    const body = head(['GET /open/echo/after-early HTTP/1.1', 'Host: a']).repeat(20);
    const lines = [`POST ${path} HTTP/1.1`, 'Host: a', `Content-Length: ${body.length + 50_000}`];
    const answer = await sendRaw(gateway.port, head(lines, body), 1500);
    assert.deepEqual(statuses(answer.text), ['401']);
    assert.ok(answer.closed);
    assert.equal(gateway.simulator.calls().length, before);
  });
});
