import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RequestHead } from '#core/head.ts';
import { fitsDigest } from './content-digest.ts';
import { readSignature } from './read-signature.ts';
import { signatureBase } from './signature-base.ts';
import { parseDictionary, renderInnerList, type InnerList } from './structured-field.ts';

/** The request of RFC 9421, appendix B.2. */
const head = {
  method: 'POST',
  scheme: 'https',
  authority: 'example.com',
  path: '/foo',
  query: 'param=Value&Pet=dog',
  headers: [
    ...['host', 'example.com', 'date', 'Tue, 20 Apr 2021 02:07:55 GMT', 'content-type', 'application/json'],
    'content-digest',
    'sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:',
    'content-length',
    '18',
    'signature-input',
    'sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
    'signature',
    'sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:',
  ],
} as unknown as RequestHead;

test('the signature of RFC 9421 B.2.5 is right, and its base is that of the RFC', () => {
  const { covered, keyId, createdS, signature } = readSignature(head);
  assert.deepEqual([keyId, createdS], ['test-shared-secret', 1618884473]);
  const base = signatureBase(covered, head);
  assert.equal(
    base,
    [
      '"date": Tue, 20 Apr 2021 02:07:55 GMT',
      '"@authority": example.com',
      '"content-type": application/json',
      '"@signature-params": ("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
    ].join('\n'),
  );
  const secret = 'uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==';
  const expected = createHmac('sha256', Buffer.from(secret, 'base64')).update(base).digest();
  assert.deepEqual(signature, expected);
});

test('the digest of RFC 9421 B.2 is that of its body, and every digest that is understood must be', () => {
  const body = Buffer.from('{"hello": "world"}');
  const field = head.headers[7]!;
  assert.ok(fitsDigest(field, body));
  assert.ok(fitsDigest(`${field}, md5=:AAAA:`, body));
  assert.ok(!fitsDigest(field, Buffer.from('{"hello": "World"}')));
  assert.ok(!fitsDigest(`${field}, sha-256=:AAAA:`, body));
  for (const none of ['', 'md5=:AAAA:', 'sha-256', 'sha-512="text"', `${field}, ${field}`])
    assert.ok(!fitsDigest(none, body), none);
});

test('the request on the page is signed as it says', () => {
  const page = readFileSync(new URL('./README.md', import.meta.url), 'utf8');
  const [, ...lines] = /```http\n([^]*?)```/.exec(page)![1]!.trim().split('\n');
  const headers = lines.flatMap((line) => {
    const [name, ...value] = line.split(': ');
    return [name!.toLowerCase(), value.join(': ').replace(':…:', ':AAAA:')];
  });
  const { covered, nonce } = readSignature({ ...head, headers });
  assert.equal(signatureBase(covered, { ...head, headers }).split('\n').length, 6);
  assert.ok(nonce);
  assert.ok(fitsDigest(headers[3]!, Buffer.from('{"hello": "world"}')));
});

test('components say what RFC 9421 §2.2 says they do', () => {
  const covered = parseDictionary(
    's=("@method" "@target-uri" "@authority" "@scheme" "@request-target" "@path" "@query")',
  )!.get('s') as InnerList;
  assert.deepEqual(
    signatureBase(covered, { ...head, authority: 'Example.COM:443' })
      .split('\n')
      .slice(0, -1),
    [
      '"@method": POST',
      '"@target-uri": https://example.com/foo?param=Value&Pet=dog',
      '"@authority": example.com',
      '"@scheme": https',
      '"@request-target": /foo?param=Value&Pet=dog',
      '"@path": /foo',
      '"@query": ?param=Value&Pet=dog',
    ],
  );
  for (const list of ['("@status")', '("Date")', '("x-none")', '("date";sf)', '("date" "date")', '(date)'])
    assert.throws(() => signatureBase(parseDictionary(`s=${list}`)!.get('s') as InnerList, head), list);
});

test('a list is rendered as it was read, and what is none is refused', () => {
  const name = fc.constantFrom('a', 'b1', '*x', 'key-id');
  const bare = fc.oneof(
    fc.integer().map(String),
    fc.string({ unit: 'grapheme-ascii' }).map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`),
    fc.constantFrom('?0', 'token/x', ':AAAA:', '::'),
  );
  const parameters = fc
    .uniqueArray(fc.tuple(name, bare), { selector: ([key]) => key, maxLength: 3 })
    .map((pairs) => pairs.map(([key, value]) => `;${key}=${value}`).join(''));
  const list = fc
    .tuple(
      fc.array(
        fc.tuple(bare, parameters).map((pair) => pair.join('')),
        { maxLength: 4 },
      ),
      parameters,
    )
    .map(([items, of]) => `(${items.join(' ')})${of}`);
  fc.assert(
    fc.property(list, (text) => {
      const read = parseDictionary(`s=${text}`)?.get('s');
      assert.ok(read && 'items' in read, text);
      assert.equal(renderInnerList(read), text);
    }),
    { numRuns: process.env['SLUICE_LONG'] ? 5000 : 200, seed: 9 },
  );
  for (const text of [
    's=',
    's=(',
    's=(a"b")',
    's=("a" ',
    's=1, s=2',
    's=1,',
    'S=1',
    's="a',
    's=1.5',
    's=:A',
    's=;',
    '=1',
  ])
    assert.equal(parseDictionary(text), null, text);
  fc.assert(
    fc.property(fc.string(), (text) => void parseDictionary(text)),
    { numRuns: 300, seed: 10 },
  );
});
