import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { HeadTooLarge, ProtocolError } from '../http1/protocol-error.ts';
import { RequestParser, type ParsedRequest } from './request-parser.ts';

const runs = process.env['SLUICE_LONG'] ? 20_000 : 300;

interface Read {
  readonly requests: ParsedRequest[];
  readonly bodies: string[];
  /** The last request has come to its end. */
  readonly complete: boolean;
  readonly error: Error | null;
}

/** Feeds pieces one after the other, going on to the next request as a connection does. */
function parse(pieces: readonly Buffer[], maxHeadBytes = 16 * 1024): Read {
  const requests: ParsedRequest[] = [];
  const bodies: string[] = [];
  const parser = new RequestParser(maxHeadBytes, {
    onHead(request) {
      requests.push(request);
      bodies.push('');
    },
    onBody: (chunk) => (bodies[bodies.length - 1] += chunk.toString('latin1')),
  });
  let complete = false;
  try {
    for (const piece of pieces) {
      // A copy: the parser may move the bytes of a read about.
      let rest = Buffer.from(piece);
      while (rest.length > 0) {
        if (parser.complete) parser.next();
        rest = rest.subarray(parser.feed(rest));
      }
      ({ complete } = parser);
    }
    return { requests, bodies, complete, error: null };
  } catch (error) {
    return { requests, bodies, complete: false, error: error as Error };
  }
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const pair =
  'POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello' +
  '\r\nPUT /d HTTP/1.1\r\nhost:y  \r\nTransfer-Encoding: Chunked\r\n\r\n3;ext=1\r\nabc\r\n02\r\nde\r\n0\r\nx-t: 1\r\n\r\n' +
  'GET / HTTP/1.0\r\n\r\n';

describe('requests', () => {
  test('are read one after the other, with their bodies', () => {
    const { requests, bodies, complete, error } = parse([bytes(pair)]);
    assert.equal(error, null);
    assert.ok(complete);
    assert.deepEqual(bodies, ['hello', 'abcde', '']);
    assert.deepEqual(
      requests.map(({ method, url, http11, contentLength, keepAlive }) => [
        method,
        url,
        http11,
        contentLength,
        keepAlive,
      ]),
      [
        ['POST', '/a?b=c', true, 5, true],
        ['PUT', '/d', true, null, true],
        ['GET', '/', false, 0, false],
      ],
    );
    assert.deepEqual(requests[1]!.rawHeaders, ['host', 'y', 'transfer-encoding', 'Chunked']);
  });

  test('are the same wherever reads are cut', () => {
    const whole = parse([bytes(pair)]);
    for (let cut = 1; cut < pair.length; cut++) {
      assert.deepEqual(parse([bytes(pair.slice(0, cut)), bytes(pair.slice(cut))]), whole, `cut at ${cut}`);
    }
    assert.deepEqual(parse([...pair].map(bytes)), whole);
  });

  test('say what is to become of the connection', () => {
    const asking = (...lines: string[]) =>
      parse([bytes(`GET / HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`)]).requests[0]!;
    assert.equal(asking('connection: close').keepAlive, false);
    assert.equal(asking('Connection: foo , CLOSE').keepAlive, false);
    assert.equal(asking('connection: upgrade', 'upgrade: websocket').upgrade, 'websocket');
    assert.equal(asking('upgrade: websocket').upgrade, null);
  });

  test('beyond the limit of a head are refused before they are whole', () => {
    for (const head of ['GET / HTTP/1.1\r\na: ' + 'b'.repeat(2000), `GET /${'c'.repeat(2000)}`]) {
      assert.ok(parse([bytes(head)], 1024).error instanceof HeadTooLarge);
      assert.ok(parse([...head].map(bytes), 1024).error instanceof HeadTooLarge);
    }
    assert.equal(parse([bytes(`GET / HTTP/1.1\r\na: ${'b'.repeat(900)}\r\n\r\n`)], 1024).error, null);
  });
});

/** Heads that are refused whatever follows, and what is wrong with them. */
const bad: readonly (readonly [string, string])[] = [
  ['two spaces in the request line', 'GET  / HTTP/1.1\r\n\r\n'],
  ['no version', 'GET /\r\n\r\n'],
  ['another version', 'GET / HTTP/2.0\r\n\r\n'],
  ['a space before the method', ' GET / HTTP/1.1\r\n\r\n'],
  ['a space after the version', 'GET / HTTP/1.1 \r\n\r\n'],
  ['a tab instead of a space', 'GET\t/ HTTP/1.1\r\n\r\n'],
  ['a control character in the target', 'GET /\x01 HTTP/1.1\r\n\r\n'],
  ['a bare line feed', 'GET / HTTP/1.1\nhost: x\n\n'],
  ['a bare line feed between headers', 'GET / HTTP/1.1\r\na: b\nc: d\r\n\r\n'],
  ['a bare carriage return in a value', 'GET / HTTP/1.1\r\na: b\rc: d\r\n\r\n'],
  ['a folded line', 'GET / HTTP/1.1\r\na: b\r\n c\r\n\r\n'],
  ['a space before the colon', 'GET / HTTP/1.1\r\na : b\r\n\r\n'],
  ['a header without a name', 'GET / HTTP/1.1\r\n: b\r\n\r\n'],
  ['a header without a colon', 'GET / HTTP/1.1\r\nabc\r\n\r\n'],
  ['NUL in a value', 'GET / HTTP/1.1\r\na: b\0\r\n\r\n'],
  ['two lengths', 'POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx'],
  ['a list of lengths', 'POST / HTTP/1.1\r\ncontent-length: 1, 1\r\n\r\nx'],
  ['a signed length', 'POST / HTTP/1.1\r\ncontent-length: +1\r\n\r\nx'],
  ['a length beyond all measure', 'POST / HTTP/1.1\r\ncontent-length: 9999999999999999\r\n\r\nx'],
  ['an empty length', 'POST / HTTP/1.1\r\ncontent-length:\r\n\r\n'],
  ['a length and a coding', 'POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n'],
  ['another coding', 'POST / HTTP/1.1\r\ntransfer-encoding: gzip, chunked\r\n\r\n'],
  ['a coding twice', 'POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n'],
  ['a coding in HTTP/1.0', 'POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['empty lines without end', '\r\n'.repeat(9)],
  ['a greeting of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
];

describe('refused', () => {
  for (const [what, text] of bad) {
    test(what, () => {
      for (const pieces of [[bytes(text)], [...text].map(bytes)]) {
        const { requests, error } = parse(pieces);
        assert.ok(error instanceof ProtocolError, `${error}`);
        assert.equal(requests.length, 0);
      }
    });
  }
});

/** Requests that are right, or nearly. */
const nearly = fc
  .record({
    line: fc.constantFrom(
      'POST /a HTTP/1.1',
      'GET / HTTP/1.1',
      'PUT /b?c HTTP/1.0',
      'GET / HTTP/1.2',
      'GET /',
    ),
    framing: fc.constantFrom(
      ['', ''],
      ['Content-Length: 3', 'abc'],
      ['Content-Length: 03', 'abc'],
      ['Transfer-Encoding: chunked', '3\r\nabc\r\n0\r\n\r\n'],
      ['Transfer-Encoding:\tchunked', '3;a=b\r\nabc\r\n0\r\nt: 1\r\n\r\n'],
      ['Transfer-Encoding: chunked', '3\nabc\n0\n\n'],
      ['Transfer-Encoding: chunked', '3 \r\nabc\r\n0\r\n\r\n'],
      ['Transfer-Encoding: chunked', '0x3\r\nabc\r\n0\r\n\r\n'],
      ['Transfer-Encoding: chunked, chunked', '3\r\nabc\r\n0\r\n\r\n'],
      ['content-length : 3', 'abc'],
    ),
    odd: fc.constantFrom(
      '',
      '',
      'Connection: close',
      'A:',
      'A: \xe4',
      ' c',
      'A\x0b: d',
      'Content-Length: 3',
      'A: b\0',
    ),
    lineEnd: fc.constantFrom('\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r'),
  })
  .map(({ line, framing: [framing, body], odd, lineEnd }) => {
    const headers = ['Host: x', framing, odd].filter((header) => header !== '');
    return [line, ...headers, '', body].join(lineEnd);
  });

test('whatever Node refuses, this refuses: no request is read here that it does not read there', async () => {
  const texts = fc.sample(nearly, { numRuns: runs, seed: 11 });
  const seen = new Map<string, number>();
  const server = createServer({ requireHostHeader: false }, (request, response) => {
    request.on('error', () => {});
    request.resume().on('end', () => {
      seen.set(request.headers['x-case'] as string, 1);
      response.end();
    });
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  let taken = 0;
  try {
    for (const [i, text] of texts.entries()) {
      const marked = text.replace('Host: x', `Host: x${text.includes('\r\n') ? '\r\n' : '\n'}X-Case: ${i}`);
      const { requests, complete, error } = parse([bytes(marked)]);
      if (error || !complete || requests.length !== 1) continue;
      taken++;
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      socket.end(bytes(marked));
      socket.resume();
      await once(socket, 'close');
      assert.ok(seen.has(String(i)), `taken here, refused by Node: ${JSON.stringify(marked)}`);
    }
  } finally {
    server.close();
  }
  assert.ok(taken > runs / 20, `only ${taken} of ${runs} were requests at all`);
});
