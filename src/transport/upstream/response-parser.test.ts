import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { HeaderList } from '#core/head.ts';
import { ProtocolError } from '../http1/protocol-error.ts';
import { ResponseParser } from './response-parser.ts';

interface Reading {
  readonly interim: readonly (readonly [number, HeaderList])[];
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: string;
  readonly trailers: HeaderList;
  readonly complete: boolean;
  /** Callbacks with payload. */
  readonly pieces: number;
}

/** Feeds the pieces, each from a buffer that is overwritten afterwards. */
function read(pieces: readonly Buffer[], options: { method?: string } = {}): Reading {
  const interim: [number, HeaderList][] = [];
  const body: Buffer[] = [];
  let status = 0;
  let headers: HeaderList = [];
  const parser = new ResponseParser({
    onHead(code, list) {
      if (code < 200) interim.push([code, list]);
      else [status, headers] = [code, list];
    },
    onBody: (chunk) => body.push(Buffer.from(chunk)),
  });
  parser.expect(options.method ?? 'GET');
  for (const piece of pieces) {
    const lent = Buffer.from(piece);
    const used = parser.feed(lent);
    assert.equal(used, lent.length, 'a valid answer is used whole');
    lent.fill(0x21);
  }
  const complete = parser.complete || parser.close();
  const { trailers } = parser;
  const text = Buffer.concat(body).toString('latin1');
  return { interim, status, headers, body: text, trailers, complete, pieces: body.length };
}

const bytes = (text: string) => Buffer.from(text, 'latin1');
const refuses = (text: string, why: RegExp, method = 'GET') =>
  assert.throws(
    () => read([bytes(text)], { method }),
    (error) => error instanceof ProtocolError && why.test(error.message),
  );

const token = fc.string({
  unit: fc.constantFrom(..."abcXYZ019-_!#$%&'*+.^`|~"),
  minLength: 1,
  maxLength: 12,
});
const value = fc
  .string({ unit: fc.constantFrom(...'ab :;,"=\t\x80\xff\xa0é'), maxLength: 20 })
  .map((text) => text.replace(/^[ \t]+|[ \t]+$/g, ''));
const field = fc
  .tuple(token, value)
  .filter(([name]) => !/^(content-length|transfer-encoding|connection|keep-alive)$/i.test(name));
const payload = fc.string({ unit: fc.constantFrom(...'\r\n0a;\0\xff5'), maxLength: 60 });

const lines = (fields: readonly (readonly [string, string])[]) =>
  fields.map(([name, text]) => `${name}: ${text}\r\n`).join('');
const flat = (fields: readonly (readonly [string, string])[]) =>
  fields.flatMap(([name, text]) => [name.toLowerCase(), text]);

/** A valid answer in its bytes, beside what must be read from them. */
const answer = fc
  .record({
    interim: fc.array(fc.array(field, { maxLength: 2 }), { maxLength: 2 }),
    fields: fc.array(field, { maxLength: 4 }),
    chunks: fc.array(payload, { maxLength: 5 }),
    trailers: fc.array(field, { maxLength: 2 }),
    framing: fc.constantFrom('length', 'chunked', 'extended', 'close'),
    reason: fc.constantFrom('', ' ', ' OK', ' Très bien'),
  })
  .map(({ interim, fields, chunks, trailers, framing, reason }) => {
    const body = chunks.join('');
    let wire = interim.map((list) => `HTTP/1.1 103 Early Hints\r\n${lines(list)}\r\n`).join('');
    wire += `HTTP/1.1 200${reason}\r\n${lines(fields)}`;
    const own: string[] = [];
    if (framing === 'length') own.push('content-length', String(body.length));
    if (framing === 'chunked' || framing === 'extended') own.push('transfer-encoding', 'Chunked');
    for (let i = 0; i < own.length; i += 2) wire += `${own[i]}: ${own[i + 1]}\r\n`;
    wire += '\r\n';
    const isChunked = own[0] === 'transfer-encoding';
    if (isChunked) {
      const extension = framing === 'extended' ? ' ;name="va;lue"' : '';
      for (const chunk of chunks)
        if (chunk) wire += `${chunk.length.toString(16)}${extension}\r\n${chunk}\r\n`;
      wire += `000${extension}\r\n${lines(trailers)}\r\n`;
    } else wire += body;
    return {
      wire: bytes(wire),
      expected: {
        interim: interim.map((list) => [103, flat(list)] as const),
        status: 200,
        headers: [...flat(fields), ...own],
        body,
        trailers: isChunked ? flat(trailers) : [],
        complete: true,
      },
    };
  });

const long = process.env['SLUICE_LONG'] === '1';

describe('valid answers', () => {
  const numRuns = long ? 5000 : 150;

  test('read the same whole, split at every byte, and byte by byte', () => {
    fc.assert(
      fc.property(answer, ({ wire, expected }) => {
        const same = (pieces: readonly Buffer[]) => {
          const { pieces: _, ...reading } = read(pieces);
          assert.deepEqual(reading, expected);
        };
        same([wire]);
        for (let at = 0; at <= wire.length; at++) same([wire.subarray(0, at), wire.subarray(at)]);
        same(Array.from(wire, (_, at) => wire.subarray(at, at + 1)));
      }),
      { numRuns, seed: 7 },
    );
  });

  test('all chunks of one read are given in one piece', () => {
    const chunk = 'a\r\ndata: 123\n\r\n';
    const reading = read([
      bytes(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(100)}0\r\n\r\n`),
    ]);
    assert.equal(reading.pieces, 1);
    assert.equal(reading.body, 'data: 123\n'.repeat(100));
  });

  test('HEAD, 204 and 304 have no body, whatever their lengths say', () => {
    const head = 'Content-Length: 10\r\n\r\n';
    assert.ok(read([bytes(`HTTP/1.1 200 OK\r\n${head}`)], { method: 'HEAD' }).complete);
    assert.ok(read([bytes(`HTTP/1.1 304 Not Modified\r\n${head}`)]).complete);
    assert.ok(read([bytes('HTTP/1.1 204 No Content\r\n\r\n')]).complete);
    assert.ok(read([bytes('HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n')]).complete);
    const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
    assert.ok(read([bytes(chunked)], { method: 'HEAD' }).complete);
  });

  test('a body cut short is not complete', () => {
    assert.equal(read([bytes('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcd')]).complete, false);
    const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n';
    assert.equal(read([bytes(chunked)]).complete, false);
  });

  test('keep-alive follows version, options of Connection and framing', () => {
    const keeps = (text: string) => {
      const parser = new ResponseParser({ onHead() {}, onBody() {} });
      parser.expect('GET');
      parser.feed(bytes(text));
      return [parser.keepAlive, parser.keepAliveSeconds];
    };
    const none = 'Content-Length: 0\r\n';
    assert.deepEqual(keeps(`HTTP/1.1 200 OK\r\n${none}\r\n`), [true, -1]);
    assert.deepEqual(keeps(`HTTP/1.1 200 OK\r\n${none}Connection: x, Close\r\n\r\n`), [false, -1]);
    assert.deepEqual(keeps(`HTTP/1.1 200 OK\r\n${none}Connection: disclose\r\n\r\n`), [true, -1]);
    assert.deepEqual(keeps(`HTTP/1.0 200 OK\r\n${none}\r\n`), [false, -1]);
    assert.deepEqual(keeps(`HTTP/1.0 200 OK\r\n${none}Connection: keep-alive\r\n\r\n`), [true, -1]);
    assert.deepEqual(keeps(`HTTP/1.0 200 OK\r\n${none}Connection: close\r\nConnection: keep-alive\r\n\r\n`), [
      false,
      -1,
    ]);
    assert.deepEqual(keeps('HTTP/1.1 200 OK\r\n\r\n'), [false, -1]);
    assert.deepEqual(keeps(`HTTP/1.1 200 OK\r\n${none}Keep-Alive: max=9, timeout=7\r\n\r\n`), [true, 7]);
  });
});

describe('answers with two readings are refused', () => {
  const ok = 'HTTP/1.1 200 OK\r\n';
  const cases: Record<string, readonly [string, RegExp]> = {
    'another protocol': ['220 mail.example ESMTP\r\n', /does not begin like HTTP/],
    'HTTP/2 in the status line': ['HTTP/2 200 OK\r\n\r\n', /begin like|status line/],
    'HTTP/1.2': ['HTTP/1.2 200 OK\r\n\r\n', /status line/],
    'two spaces': ['HTTP/1.1  200 OK\r\n\r\n', /status line/],
    'a short status': ['HTTP/1.1 20 OK\r\n\r\n', /status line/],
    'a status from 0': ['HTTP/1.1 099 OK\r\n\r\n', /status line/],
    'a control character in the reason': ['HTTP/1.1 200 O\x01K\r\n\r\n', /status line/],
    'a bare LF in the status line': ['HTTP/1.1 200 OK\nA: b\r\n\r\n', /status line/],
    'only bare LFs': ['HTTP/1.1 200 OK\nA: b\n\n', /bare line feed/],
    'obs-fold': [`${ok}A: b\r\n c: d\r\n\r\n`, /not a token/],
    'obs-fold without a colon': [`${ok}A: b\r\n c\r\n\r\n`, /without a colon/],
    'a bare CR in a value': [`${ok}A: b\rc\r\n\r\n`, /control character/],
    'a bare LF in a value': [`${ok}A: b\nc: d\r\n\r\n`, /control character/],
    'NUL in a value': [`${ok}A: b\0\r\n\r\n`, /control character/],
    'a vertical tab beside a value': [`${ok}Transfer-Encoding: chunked\x0b\r\n\r\n`, /control character/],
    'an empty name': [`${ok}: b\r\n\r\n`, /not a token/],
    'a space before the colon': [`${ok}Content-Length : 5\r\n\r\n`, /not a token/],
    'a name beyond ASCII': [`${ok}H\xe9: b\r\n\r\n`, /not a token/],
    'a length and a transfer coding': [
      `${ok}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`,
      /together/,
    ],
    'two different lengths': [`${ok}Content-Length: 5\r\nContent-Length: 6\r\n\r\n`, /two different/],
    'a list of lengths': [`${ok}Content-Length: 5, 6\r\n\r\n`, /not one number/],
    'a signed length': [`${ok}Content-Length: +5\r\n\r\n`, /not one number/],
    'an empty length': [`${ok}Content-Length:\r\n\r\n`, /not one number/],
    'a length beyond exact numbers': [`${ok}Content-Length: ${'9'.repeat(17)}\r\n\r\n`, /not one number/],
    'an unknown coding': [`${ok}Transfer-Encoding: gzip\r\n\r\n`, /transfer coding/],
    'codings before chunked': [`${ok}Transfer-Encoding: gzip, chunked\r\n\r\n`, /transfer coding/],
    'chunked that is not last': [`${ok}Transfer-Encoding: chunked, identity\r\n\r\n`, /transfer coding/],
    'chunked twice': [`${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`, /two Trans/],
    'chunked in HTTP/1.0': ['HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', /transfer coding/],
    '204 with a length': ['HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nabcde', /status 204/],
    '204 with chunks': ['HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', /status 204/],
    '103 with a length': ['HTTP/1.1 103 Early\r\nContent-Length: 5\r\n\r\nabcde', /status 103/],
    '33 interim answers': ['HTTP/1.1 103 Early\r\n\r\n'.repeat(33), /interim/],
    'a head that is too large': [`${ok}A: ${'b'.repeat(66_000)}\r\n\r\n`, /65536 bytes/],
    'a head that never ends': [`${ok}A: ${'b'.repeat(66_000)}`, /65536 bytes/],
  };
  for (const [what, [text, why]] of Object.entries(cases)) test(what, () => refuses(text, why));

  const chunkings: Record<string, readonly [string, RegExp]> = {
    'no size': ['\r\nabc', /without a size/],
    'a negative size': ['-3\r\nabc\r\n', /without a size/],
    'a size with 0x': ['0x3\r\nabc\r\n', /not hexadecimal/],
    'a size that overflows': ['fffffffffffffffff\r\nabc', /too large/],
    'a bare LF after the size': ['3\nabc\r\n', /not hexadecimal/],
    'a CR alone after the size': ['3\rabc\r\n', /line feed/],
    'a chunk longer than its size': ['3\r\nabcd\r\n', /longer/],
    'a bare LF after the data': ['3\r\nabc\n0\r\n\r\n', /longer/],
    'a long extension': [`3;${'x'.repeat(300)}\r\nabc\r\n`, /extension of over/],
    'a control character in an extension': ['3;a\nb\r\nabc\r\n', /control character/],
    'a folded trailer': ['0\r\na: b\r\n c\r\n\r\n', /colon|token/],
    'a bare LF in a trailer': ['0\r\na: b\nc: d\r\n\r\n', /control character/],
    'trailers that never end': [`0\r\na: ${'b'.repeat(17_000)}`, /trailers of over/],
  };
  for (const [what, [text, why]] of Object.entries(chunkings)) {
    test(`chunks: ${what}`, () => refuses(`${ok}Transfer-Encoding: chunked\r\n\r\n${text}`, why));
  }

  test('32 interim answers are taken', () => {
    const wire = `${'HTTP/1.1 102 Processing\r\n\r\n'.repeat(32)}${ok}Content-Length: 0\r\n\r\n`;
    assert.equal(read([bytes(wire)]).interim.length, 32);
  });

  test('whatever comes, only a ProtocolError is thrown', () => {
    const piece = fc.constantFrom(
      ok,
      'HTTP/1.1 ',
      '\r\n',
      '\r\n\r\n',
      'Content-Length: 3',
      ': ',
      '5;',
      '\xff',
      'x',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const parser = new ResponseParser({ onHead() {}, onBody() {} });
        parser.expect('GET');
        try {
          for (const text of pieces) parser.feed(bytes(text));
        } catch (error) {
          assert.ok(error instanceof ProtocolError);
        }
      }),
      { numRuns: long ? 50_000 : 500, seed: 11 },
    );
  });

  test('bytes after the end are left to the caller', () => {
    const parser = new ResponseParser({ onHead() {}, onBody() {} });
    parser.expect('GET');
    const wire = bytes(`${ok}Content-Length: 1\r\n\r\nabc`);
    assert.equal(parser.feed(wire), wire.length - 2);
    assert.ok(parser.complete);
  });
});
