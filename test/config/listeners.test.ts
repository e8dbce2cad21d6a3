import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { stringify } from 'yaml';
import type { ListenerPlan } from '#core/listener.ts';
import { parseConfig } from '#config/load.ts';
import { resolveConfig } from '#config/resolve.ts';
import { certificateWarnings, listenersInForce } from '../../src/compose/listeners-in-force.ts';
import { makeAuthority } from '../../src/transport/testing/authority.ts';

const authority = makeAuthority();
after(() => authority[Symbol.dispose]());
const one = authority.issue({ alternatives: 'DNS:One.test,DNS:*.one.test,IP:192.0.2.1,IP:2001:db8::1' });
const two = authority.issue({ alternatives: 'DNS:two.test' });
const nameless = authority.issue({ subject: '/CN=common.test', alternatives: 'email:a@b.test' });

function listenersOf(listen: unknown): readonly ListenerPlan[] {
  const text = stringify({ version: 1, listen });
  const document = parseConfig(text, { env: {}, path: null, policySchemas: new Map() });
  const scope = { catalog: new Map(), version: 1, text, source: 'x', nowMs: 0 };
  return resolveConfig(document, { ...scope, prices: { find: () => null, all: () => ({}) } }).snapshot.listen;
}
const tls = (...certificates: object[]) => ({ tls: { certificates } });
const namesOf = (listen: unknown) => listenersOf(listen)[0]!.tls!.certificates.map(({ names }) => names);

describe('listeners', () => {
  test('are one or many, each with an id of its own', () => {
    assert.deepEqual(
      listenersOf([{ port: 0 }, { port: 0 }, { host: '::', port: 8443 }, {}]).map(({ id }) => id),
      ['127.0.0.1:0', '127.0.0.1:0#2', '[::]:8443', '127.0.0.1:8080'],
    );
    assert.deepEqual(listenersOf({ port: 1 })[0], {
      id: '127.0.0.1:1',
      host: '127.0.0.1',
      port: 1,
      ipv6Only: false,
      trustedProxies: [],
      proxyProtocol: false,
      maxConnections: 0,
      tls: null,
      http2: { maxStreams: 128, websocket: true },
    });
  });

  for (const [what, listen, message] of [
    ['none', [], /listen: .*(1|fewer|items)/],
    ['the same twice', [{ port: 1 }, { port: 1 }], /listen\[1\]: 127\.0\.0\.1:1 is listened on already/],
    ['an unknown key', { prot: 1 }, /unknown key "prot"; did you mean "port"/],
    ['a host in brackets', { host: '[::1]' }, /listen\.host: .*without brackets/],
    ['a host that is none', { host: 'a b' }, /listen\.host: expected an address/],
    [
      'a range that is none',
      { trustedProxies: ['10.0.0.0/33'] },
      /trustedProxies\[0\]: expected .*"10\.0\.0\.0\/33"/,
    ],
    ['a range with too much', { trustedProxies: ['10.0.0.0/8/8'] }, /trustedProxies\[0\]/],
    ['an IPv6 range that is none', { trustedProxies: ['fd00::/129'] }, /trustedProxies\[0\]/],
    ['a name as a proxy', { trustedProxies: ['proxy.test'] }, /trustedProxies\[0\]/],
    ['PROXY headers from anyone', { proxyProtocol: true }, /listen\.proxyProtocol: anyone could claim/],
    ['no certificates', tls(), /listen\.tls\.certificates/],
    [
      'a certificate that is none',
      tls({ cert: 'x', key: one.key }),
      /certificates\[0\]\.cert: expected a certificate in PEM/,
    ],
    [
      'a key that is none',
      tls({ cert: one.cert, key: 'SECRET' }),
      /certificates\[0\]\.key: expected a private key in PEM/,
    ],
    [
      'another key',
      tls({ cert: one.cert, key: two.key }),
      /key: is not the key of the certificate beside it \(CN=One\.test\)/,
    ],
    [
      'a certificate that nothing chooses',
      tls(one, two, one),
      /certificates\[2\]: nothing would choose .*others? certificates/,
    ],
    ['a name with a path', tls({ ...one, names: ['a/b'] }), /names\[0\]: expected a host name/],
    [
      'authorities that are none',
      { tls: { certificates: [one], clientAuth: { ca: 'x' } } },
      /clientAuth\.ca: expected cert/,
    ],
    [
      'another version of TLS',
      { tls: { certificates: [one], minVersion: 'TLSv1.1' } },
      /minVersion: expected "TLSv1\.2" or/,
    ],
  ] as const)
    test(`are refused: ${what}`, () => {
      assert.throws(
        () => listenersOf(listen),
        (error: Error) => {
          assert.match(error.message, message);
          assert.doesNotMatch(error.message, /SECRET|PRIVATE KEY-/);
          return true;
        },
      );
    });

  test('show certificates for their own names and addresses, or for others', () => {
    assert.deepEqual(namesOf(tls(one, two)), [
      ['one.test', '*.one.test', '192.0.2.1', '[2001:db8::1]'],
      ['two.test'],
    ]);
    assert.deepEqual(namesOf(tls({ ...one, names: ['Other.test'] })), [['other.test']]);
    assert.deepEqual(namesOf(tls(nameless)), [[]]);
  });
});

describe('listeners over a reload', () => {
  const before = listenersOf([{ port: 1, ...tls(one) }, { port: 2 }]);
  const inForce = (listen: unknown) => listenersInForce(before, listenersOf(listen));

  test('take new certificates and proxies', () => {
    const [first, second] = inForce([
      { port: 2, trustedProxies: ['::1'] },
      { port: 1, ...tls(two) },
    ]);
    assert.deepEqual(first!.tls!.certificates[0]!.names, ['two.test']);
    assert.deepEqual(second!.trustedProxies, ['::1']);
  });

  test('are neither opened nor closed, and do not change what they are', () => {
    const now = inForce([{ port: 1 }, { port: 3 }, { port: 2, ...tls(two), maxConnections: 1 }]);
    assert.deepEqual(now, before);
  });
});

test('certificates that are not valid are spoken of, and those that soon will not be', () => {
  const day = 86_400_000;
  const [listener] = listenersOf({ port: 1, ...tls(one) }) as [ListenerPlan];
  const [certificate] = listener.tls!.certificates;
  const said = (nowMs: number) => certificateWarnings([listener], nowMs).join();
  assert.match(said(certificate!.notAfterMs + 1), /one\.test on 127\.0\.0\.1:1 EXPIRED at 2099-01-01/);
  assert.match(said(certificate!.notAfterMs - 13 * day), /one\.test on 127\.0\.0\.1:1 expires at 2099-01-01/);
  assert.equal(said(certificate!.notAfterMs - 15 * day), '');
  assert.match(said(certificate!.notBeforeMs - 1), /is not valid before 2020-01-01/);
});
