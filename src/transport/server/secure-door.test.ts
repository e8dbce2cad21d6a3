import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, describe, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import type { ListenerStats } from './index.ts';
import { makeAuthority } from '../testing/authority.ts';
import { ask, bodyOf, get, openDoor, rest, secured, send, shown, tlsOf } from './testing/doors.ts';

const authority = makeAuthority();
const stranger = makeAuthority();
after(() => {
  authority[Symbol.dispose]();
  stranger[Symbol.dispose]();
});
const one = authority.issue({ alternatives: 'DNS:one.test' });
const two = authority.issue({ alternatives: 'DNS:two.test,DNS:*.two.test' });
const renewed = authority.issue({ alternatives: 'DNS:one.test' });
const both = [shown(one, 'one.test'), shown(two, 'two.test', '*.two.test')];
const serial = ({ cert }: { cert: string }) => new X509Certificate(cert).serialNumber;
const serialOf = (socket: TLSSocket) => socket.getPeerCertificate().serialNumber;

/** Before TLS 1.3 it was there with the handshake. */
const sessionOf = (socket: TLSSocket): Promise<Buffer> =>
  socket.getProtocol() === 'TLSv1.2'
    ? Promise.resolve(socket.getSession()!)
    : new Promise((resolve) => socket.on('session', resolve));

const allGone = async (stats: () => ListenerStats) => {
  while (stats().open > 0) await new Promise((resolve) => setImmediate(resolve));
};

describe('which certificate is shown', () => {
  for (const [servername, pair] of [
    ['one.test', one],
    ['ONE.test', one],
    ['two.test', two],
    ['x.two.test', two],
    ['x.y.two.test', one],
    ['elsewhere.test', one],
    ['', one],
  ] as const)
    test(`to a client that asks for ${servername || 'no name'}`, async (t) => {
      const { port } = await openDoor(t, { tls: tlsOf(both) });
      const socket = await secured(port, { servername });
      assert.equal(serialOf(socket), serial(pair));
      socket.destroy();
    });

  test('names of no certificate, and clients that name none, are refused where they shall be', async (t) => {
    const { port, stats } = await openDoor(t, { tls: tlsOf(both, { unknownNames: 'refuse' }) });
    await assert.rejects(secured(port, { servername: 'elsewhere.test' }));
    // Without a name it is known only after the handshake.
    const nameless = await secured(port, { servername: '' }).then(rest, () => '');
    assert.equal(nameless, '');
    assert.match(await ask(port, { servername: 'two.test' }), /^HTTP\/1\.1 200 /);
    assert.equal(stats().refused.unknown_name, 2);
    assert.equal(stats().refused.closed, 0);
  });

  test('HTTP/1.1 is agreed upon; HTTP/2 is not offered where nobody serves it', async (t) => {
    const { port } = await openDoor(t, { tls: tlsOf(both) });
    const socket = await secured(port, { ALPNProtocols: ['h2', 'http/1.1'] });
    assert.equal(socket.alpnProtocol, 'http/1.1');
    socket.destroy();
    await assert.rejects(secured(port, { ALPNProtocols: ['h2'] }), /ALPN|ALERT|alert|ECONNRESET/i);
  });

  test('versions of TLS below the least are refused', async (t) => {
    const { port, stats } = await openDoor(t, { tls: tlsOf(both, { minVersion: 'TLSv1.3' }) });
    await assert.rejects(secured(port, { maxVersion: 'TLSv1.2' }), /protocol version|alert/i);
    assert.match(await ask(port, { minVersion: 'TLSv1.3' }), /^HTTP\/1\.1 200 /);
    assert.equal(stats().refused.tls_protocol, 1);
  });
});

describe('hosts of another certificate', () => {
  for (const [servername, host, status] of [
    ['one.test', 'one.test', 200],
    ['one.test', 'two.test', 421],
    ['one.test', 'x.two.test', 421],
    ['one.test', 'ONE.test.', 200],
    ['one.test', 'TWO.test.', 421],
    ['two.test', 'x.two.test', 200],
    ['x.two.test', 'y.two.test', 200],
    ['two.test', 'one.test', 421],
    // Of no certificate: nobody else is meant.
    ['one.test', 'inside.example', 200],
    ['', 'two.test', 421],
    ['', '127.0.0.1', 200],
  ] as const)
    test(`${host} on a connection to ${servername || 'nobody by name'}: ${status}`, async (t) => {
      const { port } = await openDoor(t, { tls: tlsOf(both) });
      const answer = await ask(port, { servername }, host);
      assert.equal(Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]), status);
      if (status === 421) assert.match(answer, /urn:sluice:fault:route\/misdirected/);
    });
});

describe('renewed certificates', () => {
  test('are shown from the next handshake on; open connections live on', async (t) => {
    const listener = await openDoor(t, { tls: tlsOf(both) });
    const before = await secured(listener.port, { servername: 'one.test' });
    const underWay = connect(listener.port, '127.0.0.1');
    await once(underWay, 'connect');
    listener.update({ trustedProxies: [], tls: tlsOf([shown(renewed, 'one.test')]) });
    const after = await secured(listener.port, { servername: 'one.test' });
    assert.equal(serialOf(before), serial(one));
    assert.equal(serialOf(after), serial(renewed));
    for (const socket of [before, after]) {
      const answer = rest(socket);
      socket.write(get('one.test'));
      assert.match(await answer, /^HTTP\/1\.1 200 /);
    }
    underWay.destroy();
  });

  test('that cannot be used change nothing', async (t) => {
    const listener = await openDoor(t, { tls: tlsOf(both) });
    const broken = shown({ cert: one.cert, key: two.key }, 'one.test');
    assert.throws(() => listener.update({ trustedProxies: [], tls: tlsOf([broken]) }), /mismatch/);
    assert.match(await ask(listener.port, { servername: 'one.test' }), /^HTTP\/1\.1 200 /);
  });
});

describe('certificates of clients', () => {
  const clientAuth = (mode: 'require' | 'request') => ({ clientAuth: { ca: authority.ca, mode } });
  const robot = authority.issue({
    subject: '/C=DE/O=Acme, Inc./CN=robot',
    alternatives: 'DNS:robot.test,URI:spiffe://acme.test/robot',
  });
  const expired = authority.issue({ alternatives: 'DNS:old.test', to: '20210101000000Z' });
  const forged = stranger.issue({ subject: '/C=DE/O=Acme, Inc./CN=robot', alternatives: 'DNS:robot.test' });
  const described = {
    subject: 'C=DE,O=Acme\\, Inc.,CN=robot',
    alternativeNames: ['DNS:robot.test', 'URI:spiffe://acme.test/robot'],
    fingerprint256: new X509Certificate(robot.cert).fingerprint256.replaceAll(':', '').toLowerCase(),
  };
  const certificateIn = (answer: string) =>
    (bodyOf(answer) as { clientCertificate: unknown }).clientCertificate;

  for (const mode of ['require', 'request'] as const)
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      test(`${mode}, ${maxVersion}: one of an authority's is described on the request`, async (t) => {
        const { port } = await openDoor(t, { tls: tlsOf(both, clientAuth(mode)) });
        assert.deepEqual(certificateIn(await ask(port, { ...robot, maxVersion })), described);
        // Whatever certificate of ours was chosen.
        const named = { ...robot, maxVersion, servername: 'two.test' };
        assert.deepEqual(certificateIn(await ask(port, named)), described);
      });

      test(`${mode}, ${maxVersion}: one of another authority, or an expired one, is refused`, async (t) => {
        const { port, stats } = await openDoor(t, { tls: tlsOf(both, clientAuth(mode)) });
        for (const pair of [forged, expired])
          assert.equal(await ask(port, { ...pair, maxVersion }).catch(() => ''), '');
        assert.equal(stats().refused.client_certificate, 2);
        assert.equal(stats().refused.closed, 0);
      });

      test(`${mode}, ${maxVersion}: a resumed session has the certificate it began with`, async (t) => {
        const { port } = await openDoor(t, { tls: tlsOf(both, clientAuth(mode)) });
        const first = await secured(port, { ...robot, maxVersion });
        const ticket = sessionOf(first);
        const answer = rest(first);
        first.write(get('one.test'));
        assert.deepEqual(certificateIn(await answer), described);
        const second = await secured(port, { session: await ticket, maxVersion });
        assert.equal(second.isSessionReused(), true);
        const again = rest(second);
        second.write(get('one.test'));
        assert.deepEqual(certificateIn(await again), described);
      });

      test(`${mode}, ${maxVersion}: a session ends with the trust in its authority`, async (t) => {
        const listener = await openDoor(t, { tls: tlsOf(both, clientAuth(mode)) });
        const first = await secured(listener.port, { ...robot, maxVersion });
        const ticket = sessionOf(first);
        const answer = rest(first);
        first.write(get('one.test'));
        assert.deepEqual(certificateIn(await answer), described);
        const other = { clientAuth: { ca: stranger.ca, mode } };
        listener.update({ trustedProxies: [], tls: tlsOf(both, other) });
        const late = await ask(listener.port, { session: await ticket, maxVersion }).catch(() => '');
        if (mode === 'require') assert.equal(late, '');
        else assert.equal(certificateIn(late), null);
      });
    }

  test('require: without one there is no connection', async (t) => {
    const { port, stats } = await openDoor(t, { tls: tlsOf(both, clientAuth('require')) });
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const)
      assert.equal(await ask(port, { maxVersion }).catch(() => ''), '');
    assert.equal(stats().refused.client_certificate, 2);
  });

  test('request: without one there is a connection, and nothing proved', async (t) => {
    const { port } = await openDoor(t, { tls: tlsOf(both, clientAuth('request')) });
    assert.equal(certificateIn(await ask(port)), null);
  });

  test('not asked for: one that is sent says nothing', async (t) => {
    const { port } = await openDoor(t, { tls: tlsOf(both) });
    assert.equal(certificateIn(await ask(port, robot)), null);
  });
});

describe('handshakes', () => {
  test('that stand still, or dribble, are ended in time', async (t) => {
    const { port, stats } = await openDoor(t, { tls: tlsOf(both, { handshakeTimeoutMs: 300 }) });
    const silent = connect(port, '127.0.0.1');
    const dribbling = connect(port, '127.0.0.1');
    const hello = Buffer.from('1603010200010001fc0303', 'hex');
    let sent = 0;
    const timer = setInterval(() => dribbling.write(hello.subarray(sent, ++sent)), 100);
    await Promise.all([rest(silent), rest(dribbling)]);
    clearInterval(timer);
    await allGone(stats);
    assert.equal(stats().refused.timeout, 2);
    assert.equal(stats().refused.closed, 0);
  });

  test('of clients that speak HTTP, or anything else, fail; what they were is counted', async (t) => {
    const { port, stats } = await openDoor(t, { tls: tlsOf(both) });
    assert.doesNotMatch(await send(port, get('one.test')), /HTTP/);
    assert.doesNotMatch(await send(port, Buffer.alloc(100)), /HTTP/);
    const gone = connect(port, '127.0.0.1');
    await once(gone, 'connect');
    gone.end();
    await rest(gone);
    await allGone(stats);
    assert.equal(stats().refused.tls_protocol, 2);
    assert.equal(stats().refused.closed, 1);
  });

  test('there is one a connection: whoever begins another (TLS 1.2) is cut', async (t) => {
    const { port } = await openDoor(t, { tls: tlsOf(both) });
    const socket = await secured(port, { maxVersion: 'TLSv1.2' });
    const ended = rest(socket);
    // Our end may still have answered it: what follows shows whether it was granted.
    await new Promise<void>((resolve) => {
      socket.renegotiate({ rejectUnauthorized: false }, () => resolve());
      socket.on('close', () => resolve());
    });
    socket.write(get('one.test'));
    assert.equal(await ended, '');
  });

  test('under way do not keep a listener from closing', async (t) => {
    const listener = await openDoor(t, { tls: tlsOf(both, { handshakeTimeoutMs: 60_000 }) });
    const silent = connect(listener.port, '127.0.0.1');
    await once(silent, 'connect');
    const established = await secured(listener.port);
    await Promise.all([listener.close(60_000), rest(silent), rest(established)]);
    assert.equal(listener.stats().open, 0);
  });
});
