/** What a client says of itself, of its connection and of its request, and how much of it is believed or passed on. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { sendRaw } from '../harness/raw-socket.ts';
import {
  askedMeanwhile,
  auth,
  framed,
  message,
  pathOf,
  rawRequest,
  routeKinds,
  statusesIn,
  type RawRequest,
  type RouteKind,
} from '../harness/route-kinds.ts';

let gateway: TestGateway;
before(async () => (gateway = await startTestGateway()));
after(() => gateway.stop());

async function exchangeOf(kind: RouteKind, request: RawRequest) {
  const { result, calls } = await askedMeanwhile(gateway, () =>
    sendRaw(gateway.port, rawRequest(kind, request)),
  );
  return { text: result.text, closed: result.closed, statuses: statusesIn(result.text), calls };
}

/** What the upstream was told when a request with these fields, which is a good one otherwise, was passed on. */
async function toldWith(kind: RouteKind, fields: readonly string[], more: RawRequest = {}) {
  const { statuses, calls, text } = await exchangeOf(kind, { ...more, fields: framed(kind, ...fields) });
  assert.deepEqual(statuses, ['200'], text);
  assert.equal(calls.length, 1);
  return calls[0]!.requestHeaders!;
}

for (const kind of routeKinds) {
  describe(`security 8: fields of the connection end with it (${kind})`, () => {
    test('they are not passed on, nor is what Connection names', async () => {
      const told = await toldWith(kind, [
        'X-One: 1',
        'Keep-Alive: timeout=9',
        'TE: trailers',
        'Trailer: x',
        'Proxy-Authorization: Basic eDp5',
        'Proxy-Connection: keep-alive',
        'Connection: x-one',
      ]);
      for (const name of ['x-one', 'te', 'trailer', 'proxy-authorization', 'proxy-connection'])
        assert.equal(told[name], undefined, name);
      assert.notEqual(told['keep-alive'], 'timeout=9');
    });

    for (const name of [
      'Authorization',
      'Host',
      'Content-Length',
      'Content-Type',
      'Cookie',
      'X-Forwarded-For',
    ])
      test(`Connection cannot remove ${name}: what was judged is what is passed on`, async () => {
        const fields = framed(kind, 'Cookie: a=b', `Connection: close, ${name.toLowerCase()}`);
        const { statuses, calls } = await exchangeOf(kind, { fields });
        if (kind === 'http') {
          assert.deepEqual(statuses, ['400']);
          assert.equal(calls.length, 0);
          return;
        }
        // A model call's head is made anew: there is nothing to remove.
        assert.deepEqual(statuses, ['200']);
        assert.equal(calls[0]!.requestHeaders!['authorization'], 'Bearer sk-upstream');
        assert.match(calls[0]!.requestHeaders!['content-type']!, /^application\/json/);
      });
  });

  describe(`security 17: what a client says of itself is not believed (${kind})`, () => {
    const claims = [
      'X-Forwarded-For: 6.6.6.6',
      'X-Forwarded-Host: evil.test',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Prefix: /admin',
      'Forwarded: for=6.6.6.6',
      'Via: 1.1 evil.test',
      'X-Sluice-Exchange: forged',
    ];
    test('forwarding fields are made anew', async () => {
      const told = await toldWith(kind, claims);
      const text = JSON.stringify(told);
      for (const claim of ['6.6.6.6', 'x-forwarded-prefix', 'forged'])
        assert.ok(!text.includes(claim), claim);
      assert.notEqual(told['x-forwarded-host'], 'evil.test');
      assert.notEqual(told['x-forwarded-proto'], 'https');
      assert.equal(told['forwarded'], undefined);
      if (kind === 'http') assert.equal(told['x-forwarded-for'], '127.0.0.1');
    });

    test('a credential used here goes no further', async () => {
      for (const credential of [[auth], [`X-Api-Key: ${testKey}`], [auth, `X-Api-Key: ${testKey}`]]) {
        const told = await toldWith(kind, [], { credential });
        assert.ok(!JSON.stringify(told).includes(testKey), credential.join());
      }
    });

    test('nor is the identity that other gateways pass on in headers an identity', async () => {
      for (const name of ['X-Consumer-Username', 'X-User', 'Remote-User', 'X-Authenticated-Userid']) {
        const { statuses } = await exchangeOf(kind, {
          fields: framed(kind, `${name}: tester`),
          credential: [],
        });
        assert.deepEqual(statuses, ['401'], name);
      }
    });
  });

  describe(`security 18: aliases and duplicates of names (${kind})`, () => {
    test('names with underscores, which some servers read as hyphens, are dropped and authenticate nobody', async () => {
      const told = await toldWith(kind, [
        'X_Forwarded_For: 7.7.7.7',
        'Content_Length: 1',
        'Authorization_: x',
      ]);
      assert.ok(Object.keys(told).every((name) => !name.includes('_')));
      const { statuses } = await exchangeOf(kind, { credential: [`X_Api_Key: ${testKey}`] });
      assert.deepEqual(statuses, ['401']);
    });

    const twice: Record<string, readonly string[]> = {
      'Authorization, different': [auth, 'Authorization: Bearer other'],
      'Authorization, the same': [auth, auth.toLowerCase().replace('bearer', 'Bearer')],
      'X-Api-Key': [`X-Api-Key: ${testKey}`, 'x-api-key: other'],
      'Content-Type': [auth, 'Content-Type: application/json', 'Content-Type: text/plain'],
      traceparent: [auth, 'traceparent: a', 'traceparent: b'],
      Upgrade: [auth, 'Upgrade: a', 'Upgrade: b'],
    };
    for (const [what, credential] of Object.entries(twice))
      test(`twice ${what} is 400`, async () => {
        const { statuses, closed, calls } = await exchangeOf(kind, { credential });
        assert.deepEqual(statuses, ['400']);
        assert.ok(closed);
        assert.equal(calls.length, 0);
      });

    test('two different credentials in two fields are 401', async () => {
      const { statuses, calls } = await exchangeOf(kind, { credential: [auth, 'X-Api-Key: other'] });
      assert.deepEqual(statuses, ['401']);
      assert.equal(calls.length, 0);
    });
  });

  describe(`security 19: heads beyond the limit are 431, and are not waited for (${kind})`, () => {
    const large: Record<string, readonly string[]> = {
      'ten thousand fields': Array.from({ length: 10_000 }, (_, i) => `X-H${i}: y`),
      'ten thousand fields as short as can be': Array.from({ length: 10_000 }, () => 'a:'),
      'a field of a megabyte': [`X-Large: ${'x'.repeat(1_000_000)}`],
      'a cookie of 64 KB': [`Cookie: ${'c'.repeat(65_536)}`],
      'a name of 64 KB': [`${'n'.repeat(65_536)}: x`],
    };
    for (const [what, fields] of Object.entries(large))
      test(what, async () => {
        const { statuses, closed, calls } = await exchangeOf(kind, { fields: framed(kind, ...fields) });
        assert.deepEqual(statuses, ['431']);
        assert.ok(closed);
        assert.equal(calls.length, 0);
      });

    test('a target of 64 KB', async () => {
      const { statuses } = await exchangeOf(kind, { target: `${pathOf(kind)}?${'q'.repeat(65_536)}` });
      assert.deepEqual(statuses, ['431']);
    });

    test('a head that never ends is answered as soon as it is too large, so no memory grows with it', async () => {
      // A few bytes beyond the standard limit of 32 KiB, and no empty line.
      const endless = `POST ${pathOf(kind)} HTTP/1.1\r\nHost: a\r\n${'X-More: x\r\n'.repeat(3_000)}`;
      const { text, closed } = await sendRaw(gateway.port, endless);
      assert.deepEqual(statusesIn(text), ['431']);
      assert.ok(closed);
    });
  });

  describe(`security 21: ids and traces of a client (${kind})`, () => {
    test('ids are not reflected: the exchange has its own', async () => {
      const { text } = await exchangeOf(kind, {
        fields: framed(kind, 'X-Request-Id: mine', 'X-Sluice-Exchange: forged', 'Request-Id: mine'),
      });
      const head = text.slice(0, text.indexOf('\r\n\r\n'));
      assert.match(head, /^x-sluice-exchange: [0-9A-HJKMNP-TV-Z]{26}\r?$/m);
      assert.ok(!head.includes('forged'));
      assert.ok(!head.includes('mine'));
    });

    test('nor is anything else: a header cannot be made by an escaped line end', async () => {
      const { text } = await exchangeOf(kind, { target: `${pathOf(kind)}?x=%0d%0aX-Injected:%201` });
      assert.ok(!/^x-injected/im.test(text));
    });

    const trace = 'a'.repeat(32);
    const span = 'b'.repeat(16);
    const invalid = {
      'no hexadecimals': `00-${'z'.repeat(32)}-${span}-01`,
      'a trace of zeros': `00-${'0'.repeat(32)}-${span}-01`,
      'a span of zeros': `00-${trace}-${'0'.repeat(16)}-01`,
      'capital letters': `00-${trace.toUpperCase()}-${span}-01`,
      'a version that is none': `ff-${trace}-${span}-01`,
      'too long': `00-${trace}-${span}-01-x`,
      'too short': `00-${trace}`,
    };
    for (const [what, value] of Object.entries(invalid))
      test(`an invalid traceparent begins a new trace: ${what}`, async () => {
        const told = await toldWith(kind, [`traceparent: ${value}`, 'tracestate: evil=1']);
        assert.match(String(told['traceparent']), /^00-(?!a{32})[0-9a-f]{32}-[0-9a-f]{16}-01$/);
      });

    test('a valid one is continued with a span of our own', async () => {
      const told = await toldWith(kind, [`traceparent: 00-${trace}-${span}-01`]);
      assert.match(String(told['traceparent']), /^00-a{32}-(?!b{16})[0-9a-f]{16}-01$/);
    });
  });
}

test('security 8: an Upgrade that is asked for only within Connection, or only beside it, is none', async () => {
  for (const fields of [['Connection: upgrade'], ['Upgrade: websocket', 'Connection: close']]) {
    const lines = ['GET /api/upgrade-echo HTTP/1.1', 'Host: a', auth, ...fields];
    const { text } = await sendRaw(gateway.port, message(lines));
    assert.ok(!text.includes(' 101 '), text);
  }
});
