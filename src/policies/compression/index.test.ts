import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PlainAnswer } from '#core/contracts/answer-encoder.ts';
import type { Exchange } from '#core/exchange.ts';
import { headerOf } from '#core/head.ts';
import { noServices } from '../testing/no-services.ts';
import { chooseEncoding } from './accept-encoding.ts';
import { compression } from './index.ts';

const services = {
  ...noServices,
  instance: 'compression/0',
};
const exchangeOf = (headers: string[], method = 'GET') =>
  ({ head: { method, headers } }) as unknown as Exchange;
const answerOf = (headers: string[], more: Partial<PlainAnswer> = {}): PlainAnswer => ({
  status: 200,
  headers: ['content-type', 'application/json', ...headers],
  lengthBytes: 5000,
  ...more,
});
const policy = compression.create({}, services);
const encode = (asked: string[], plain: PlainAnswer, method?: string) =>
  policy.encodeAnswer!(exchangeOf(asked, method), plain);
const gzip = ['accept-encoding', 'gzip'];

test('Accept-Encoding: weights, wildcards, refusals, and who says nothing', () => {
  const offered = ['zstd', 'br', 'gzip'] as const;
  const cases: [string | null, string | null][] = [
    [null, null],
    ['', null],
    ['gzip', 'gzip'],
    ['GZIP', 'gzip'],
    ['x-gzip', 'gzip'],
    ['gzip, deflate, br', 'br'],
    ['gzip, br, zstd', 'zstd'],
    ['gzip;q=1.0, br;q=0.5', 'gzip'],
    ['gzip ; q=0.3 , br;Q=0.4', 'br'],
    ['*', 'zstd'],
    ['*;q=0.5, zstd;q=0', 'br'],
    ['gzip;q=0', null],
    ['gzip;q=0.000', null],
    ['gzip;q=0, *', 'zstd'],
    ['*;q=0', null],
    ['identity', null],
    ['identity, gzip;q=0.5', null],
    ['identity;q=0.5, gzip', 'gzip'],
    ['identity;q=0, gzip;q=0.001', 'gzip'],
    ['identity, gzip', 'gzip'],
    ['identity;q=0', null],
    ['gzip;q=2, br;q=x', null],
    ['gzip;q=1.5;q=1', null],
    ['gzip;level=9', null],
    ['gzip, gzip;q=0', 'gzip'],
    ['deflate, compress', null],
    ['gzipx, xgzip', null],
    [',,;,gzip,', 'gzip'],
  ];
  for (const [value, expected] of cases) {
    const headers = value === null ? ['accept', '*/*'] : ['accept-encoding', value];
    assert.equal(chooseEncoding(headers, offered), expected, String(value));
  }
  assert.equal(
    chooseEncoding(['accept-encoding', 'gzip;q=0.1', 'accept-encoding', 'br;q=0.2'], offered),
    'br',
  );
  assert.equal(chooseEncoding(['accept-encoding', 'zstd'], ['gzip']), null);
});

test('a compressed answer: encoding, no length, a weak tag, no ranges, and what it varies by', () => {
  const plain = answerOf([
    'content-length',
    '5000',
    'etag',
    '"a"',
    'accept-ranges',
    'bytes',
    'vary',
    'Origin',
  ]);
  const { headers, open } = encode(gzip, plain)!;
  assert.ok(open);
  const expected = ['etag', 'W/"a"', 'vary', 'Origin', 'vary', 'Accept-Encoding', 'content-encoding', 'gzip'];
  assert.deepEqual(headers, ['content-type', 'application/json', ...expected]);
});

test('who does not accept it gets the answer as it is, which says that it varies', () => {
  const plain = answerOf(['content-length', '5000', 'etag', '"a"']);
  const { headers, open } = encode([], plain)!;
  assert.equal(open, null);
  assert.deepEqual(headers, [...plain.headers, 'vary', 'Accept-Encoding']);
  for (const named of ['accept-encoding', 'Origin, Accept-Encoding', '*'])
    assert.deepEqual(encode([], answerOf(['vary', named]))!.headers, answerOf(['vary', named]).headers);
});

describe('left alone', () => {
  const cases: [string, PlainAnswer, string[]?][] = [
    ['an event stream', answerOf([], { headers: ['content-type', 'text/event-stream; charset=utf-8'] })],
    ['gRPC', answerOf([], { headers: ['content-type', 'application/grpc+json'] })],
    ['a picture', answerOf([], { headers: ['content-type', 'image/png'] })],
    ['no type', answerOf([], { headers: [] })],
    ['a short one', answerOf([], { lengthBytes: 1023 })],
    ['an encoded one', answerOf(['content-encoding', 'br'])],
    ['no-transform', answerOf(['cache-control', 'public, No-Transform'])],
    ['no-transform of the client', answerOf([]), ['cache-control', 'no-transform']],
    ['a range', answerOf([]), ['range', 'bytes=0-1']],
    ['206', answerOf([], { status: 206 })],
    ['204', answerOf([], { status: 204 })],
    ['a range of an odd status', answerOf(['content-range', 'bytes 0-1/2'])],
    ['a digest', answerOf(['content-digest', 'sha-256=:AA==:'])],
  ];
  for (const [name, plain, more = []] of cases)
    test(name, () => assert.equal(encode([...gzip, ...more], plain), null));
});

test('types: exact, of a kind, by suffix, in any case and with parameters', () => {
  const typed = (types: string[] | undefined, type: string) =>
    compression.create(types ? { types } : {}, services).encodeAnswer!(exchangeOf(gzip), {
      status: 200,
      headers: ['content-type', type],
      lengthBytes: null,
    }) !== null;
  for (const type of [
    'Text/HTML; charset=utf-8',
    'application/problem+json',
    'image/svg+xml',
    'application/json',
  ])
    assert.ok(typed(undefined, type), type);
  assert.ok(!typed(['text/css'], 'text/html'));
  assert.ok(!typed(['+json'], 'application/json'));
  assert.ok(!typed(['text/*'], 'textual/x'));
});

test('HEAD speaks of what GET would get, and nothing of it is encoded', () => {
  const { headers, open } = encode(gzip, answerOf(['etag', '"a"']), 'HEAD')!;
  assert.equal(open, null);
  assert.equal(headerOf(headers, 'content-encoding'), undefined);
  assert.deepEqual([headerOf(headers, 'etag'), headerOf(headers, 'vary')], ['W/"a"', 'Accept-Encoding']);
});

test('a 304 has the tag that the client was given', () => {
  const fresh = { status: 304, headers: ['etag', '"a"'], lengthBytes: null };
  const asked = (tags: string) => encode(['if-none-match', tags, ...gzip], fresh);
  assert.deepEqual(asked('"b", W/"a"')!.headers, ['etag', 'W/"a"', 'vary', 'Accept-Encoding']);
  assert.equal(asked('"a"'), null);
  assert.equal(encode(gzip, fresh), null);
});
