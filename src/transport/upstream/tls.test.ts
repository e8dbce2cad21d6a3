import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { createServer, type TlsOptions, type TLSSocket } from 'node:tls';
import type { Origin } from '#core/contracts/upstream.ts';
import { makeCertificates } from '../testing/certificates.ts';
import {
  answering,
  onRequests,
  okAnswer,
  originOf,
  rawServer,
  requestTo,
  send,
  testUpstream,
} from './testing/test-upstream.ts';

const limits = { timeout: 20_000 };
const certificates = makeCertificates();
const { ca, good, wrongName, expired, selfSigned } = certificates;
const trusting = (authority: string): Partial<Origin> => ({
  secure: true,
  tls: { ca: authority, cert: null, key: null },
});

const tlsServer = (t: TestContext, options: TlsOptions) =>
  rawServer(t, answering('hello'), createServer(options));

describe('an upstream that cannot prove who it is', limits, () => {
  const cases: Record<string, { options: TlsOptions; origin: Partial<Origin>; why: RegExp }> = {
    'self-signed': { options: selfSigned, origin: { secure: true }, why: /DEPTH_ZERO_SELF_SIGNED_CERT/ },
    'signed by an authority nobody named': {
      options: good,
      origin: { secure: true },
      why: /UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT_LOCALLY)/,
    },
    'signed by another than the named authority': {
      options: selfSigned,
      origin: trusting(ca),
      why: /DEPTH_ZERO_SELF_SIGNED_CERT/,
    },
    expired: { options: expired, origin: trusting(ca), why: /CERT_HAS_EXPIRED/ },
    'another name': { options: wrongName, origin: trusting(ca), why: /ERR_TLS_CERT_ALTNAME_INVALID/ },
    'an authority that is no PEM text': { options: good, origin: trusting('nonsense'), why: /TLS|PEM|OSSL/i },
  };
  for (const [what, { options, origin, why }] of Object.entries(cases)) {
    for (const host of ['localhost', '127.0.0.1']) {
      test(`${what} (${host}): refused, and no byte of the request leaves`, async (t) => {
        const upstream = testUpstream(t);
        const server = await tlsServer(t, options);
        const to = originOf(server.port, { host, ...origin });
        const { fault, events } = await send(
          upstream,
          requestTo(to, { method: 'POST', body: Buffer.from('secret') }),
        ).done;
        assert.equal(fault?.code, 'upstream/tls');
        assert.equal(fault.blame, 'upstream');
        assert.match(fault.message, why);
        assert.deepEqual(events, ['fault']);
        assert.equal(server.received(0), '');
        assert.deepEqual(upstream.stats(), { open: 0, idle: 0, active: 0 });
      });
    }
  }

  test('a name does for itself, not for the address that it leads to', async (t) => {
    const upstream = testUpstream(t);
    const server = await tlsServer(t, certificates.nameOnly);
    const ask = (host: string) =>
      send(upstream, requestTo(originOf(server.port, { host, ...trusting(ca) }))).done;
    assert.equal((await ask('localhost')).body, 'hello');
    assert.match((await ask('127.0.0.1')).fault!.message, /ERR_TLS_CERT_ALTNAME_INVALID/);
  });

  test('an address to connect to changes nothing of the name that is to be proved', async (t) => {
    const upstream = testUpstream(t);
    const server = await tlsServer(t, wrongName);
    const ask = (host: string) =>
      send(upstream, requestTo(originOf(server.port, { host, address: '127.0.0.1', ...trusting(ca) }))).done;
    // Nobody looks this name up: it leads nowhere.
    assert.equal((await ask('other.test')).body, 'hello');
    assert.match((await ask('localhost')).fault!.message, /ERR_TLS_CERT_ALTNAME_INVALID/);
  });

  test('plain HTTP where TLS is expected', async (t) => {
    const upstream = testUpstream(t);
    const server = await rawServer(t, (socket) => socket.write(okAnswer('plain')));
    const to = originOf(server.port, { host: 'localhost', secure: true });
    assert.equal((await send(upstream, requestTo(to)).done).fault?.code, 'upstream/tls');
    assert.ok(!server.received(0).includes('HTTP/1.1'));
  });

  test('a good session is not taken for a proof by the next connection with other settings', async (t) => {
    const upstream = testUpstream(t);
    const server = await tlsServer(t, good);
    const to = originOf(server.port, { host: 'localhost', ...trusting(ca) });
    assert.equal((await send(upstream, requestTo(to)).done).body, 'hello');
    const untrusting = { ...to, tls: null, key: 'another' };
    assert.equal((await send(upstream, requestTo(untrusting)).done).fault?.code, 'upstream/tls');
  });
});

describe('an upstream that can', limits, () => {
  for (const host of ['localhost', '127.0.0.1']) {
    test(`an authority of one's own is trusted for ${host}, and the connection is used again`, async (t) => {
      const upstream = testUpstream(t);
      const server = await tlsServer(t, good);
      const to = originOf(server.port, { host, ...trusting(ca) });
      for (let i = 0; i < 3; i++) assert.equal((await send(upstream, requestTo(to)).done).body, 'hello');
      assert.equal(server.sockets.length, 1);
      assert.equal((server.sockets[0] as TLSSocket).servername, host === 'localhost' && host);
      assert.deepEqual(upstream.stats(), { open: 1, idle: 1, active: 0 });
    });
  }

  test('the second connection resumes the session of the first', async (t) => {
    const upstream = testUpstream(t);
    const server = await rawServer(
      t,
      (socket) => onRequests(socket, () => socket.write(okAnswer('x', 'connection: close\r\n'))),
      createServer(good),
    );
    const to = originOf(server.port, { host: 'localhost', ...trusting(ca) });
    for (let i = 0; i < 2; i++) assert.equal((await send(upstream, requestTo(to)).done).body, 'x');
    assert.deepEqual(
      server.sockets.map((socket) => (socket as TLSSocket).isSessionReused() === true),
      [false, true],
    );
  });

  test('it may ask for a certificate in turn', async (t) => {
    const upstream = testUpstream(t);
    const server = await tlsServer(t, { ...good, ca, requestCert: true, rejectUnauthorized: true });
    const shown = { ca, cert: wrongName.cert, key: wrongName.key };
    const to = originOf(server.port, { host: 'localhost', secure: true, tls: shown });
    assert.equal((await send(upstream, requestTo(to)).done).body, 'hello');
    const without = { ...to, key: 'without', tls: { ...shown, cert: null, key: null } };
    const { fault } = await send(upstream, requestTo(without)).done;
    assert.equal(fault?.code, 'upstream/tls');
    assert.equal(server.sockets.length, 1);
  });
});
