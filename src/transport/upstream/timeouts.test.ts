import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import type { BodySink, BodySource, Origin } from '#core/contracts/upstream.ts';
import { makeCertificates } from '../testing/certificates.ts';
import { fullListener } from './testing/full-listener.ts';
import {
  originOf,
  rawServer,
  requestTo,
  send,
  testUpstream,
  until,
  type Sent,
  type TestUpstream,
} from './testing/test-upstream.ts';

// Time stands still but for `advance`: no test here waits for a timeout, and none can come early unnoticed.
const limits = { timeout: 20_000 };
const certificates = makeCertificates();
const secured: Partial<Origin> = {
  secure: true,
  host: 'localhost',
  tls: { ca: certificates.ca, cert: null, key: null },
};
const transports: Record<string, { server: () => Server; origin: Partial<Origin> }> = {
  TCP: { server: () => createServer(), origin: {} },
  TLS: { server: () => createTlsServer(certificates.good), origin: secured },
};

/** Not after exactly `ms`, but after one more. */
async function timesOut(upstream: TestUpstream, sent: Sent, [code, ms]: readonly [string, number]) {
  await upstream.looked();
  upstream.advance(ms);
  await upstream.looked();
  assert.equal(sent.outcome.fault, null, `${code} came early`);
  upstream.advance(1);
  const { fault, events } = await sent.done;
  assert.equal(fault?.code, code);
  assert.match(fault.message, new RegExp(` ${ms} ms, .* Raise "timeouts\\.\\w+"`));
  assert.deepEqual(upstream.stats(), { open: 0, idle: 0, active: 0 });
  return events;
}

describe('no connection in time', limits, () => {
  const connectMs = 2000;
  const fails = async (t: TestContext, origin: Origin) => {
    const upstream = testUpstream(t);
    const sent = send(upstream, requestTo(origin, { timeouts: { connectMs, totalMs: 0 } }));
    await timesOut(upstream, sent, ['upstream/connect-timeout', connectMs]);
  };

  test('TCP: the other host does not answer', async (t) => fails(t, originOf(await fullListener(t))));

  test('TLS: the connection stands, but the handshake is not answered', async (t) => {
    const server = await rawServer(t, () => {});
    await fails(t, originOf(server.port, secured));
    await until(() => server.sockets[0]!.closed);
  });

  test('the proxy does not answer CONNECT', async (t) => {
    const server = await rawServer(t, () => {});
    await fails(t, originOf(1, { proxy: `http://127.0.0.1:${server.port}` }));
    await until(() => server.sockets[0]!.closed);
  });
});

for (const [name, transport] of Object.entries(transports)) {
  describe(`${name}: no answer in time`, limits, () => {
    const begin = async (t: TestContext, body: Buffer | BodySource | null, first = '') => {
      const upstream = testUpstream(t);
      const server = await rawServer(
        t,
        (socket) => socket.once('data', () => first && socket.write(first)),
        transport.server(),
      );
      const timeouts = { responseHeaderMs: 3000, idleMs: 700, totalMs: 0 };
      const sent = send(
        upstream,
        requestTo(originOf(server.port, transport.origin), { method: 'POST', body, timeouts }),
      );
      await until(() => server.received(0).includes('\r\n\r\n'));
      const closed = () => until(() => server.sockets.every((socket) => socket.closed));
      return { upstream, server, sent, closed };
    };

    test('no head', async (t) => {
      const { upstream, sent, closed } = await begin(t, Buffer.from('all'));
      const events = await timesOut(upstream, sent, ['upstream/header-timeout', 3000]);
      assert.deepEqual(events, ['fault']);
      await closed();
    });

    test('half a head is none: bytes that trickle in gain nothing', async (t) => {
      const { upstream, server, sent, closed } = await begin(t, null, 'HTTP/1.1 200 OK\r\n');
      await upstream.looked();
      upstream.advance(2000);
      server.sockets[0]!.write('x-more: 1\r\n');
      await upstream.looked();
      upstream.advance(1001);
      assert.equal((await sent.done).fault?.code, 'upstream/header-timeout');
      await closed();
    });

    test('an interim answer begins the wait anew', async (t) => {
      const { upstream, server, sent, closed } = await begin(t, null);
      await upstream.looked();
      upstream.advance(2999);
      server.sockets[0]!.write('HTTP/1.1 103 Early Hints\r\n\r\n');
      await until(() => sent.outcome.interim.length === 1);
      await timesOut(upstream, sent, ['upstream/header-timeout', 3000]);
      await closed();
    });

    test('as long as the request itself is not ended, only its own sender is late', async (t) => {
      let sink: BodySink | null = null;
      const body: BodySource = {
        lengthBytes: null,
        open: (given) => void (sink = given),
        pause() {},
        resume() {},
      };
      const { upstream, server, sent, closed } = await begin(t, body);
      await upstream.looked();
      upstream.advance(1_000_000);
      await upstream.looked();
      assert.equal(sent.outcome.fault, null);
      sink!.onEnd();
      await until(() => server.received(0).endsWith('0\r\n\r\n'));
      await timesOut(upstream, sent, ['upstream/header-timeout', 3000]);
      await closed();
    });

    test('an upstream that stops reading the request', async (t) => {
      const { upstream, server, sent, closed } = await begin(t, Buffer.alloc(40_000_000));
      server.sockets[0]!.pause();
      await timesOut(upstream, sent, ['upstream/idle-timeout', 700]);
      server.sockets[0]!.resume();
      await closed();
    });
  });

  describe(`${name}: an answer that has begun`, limits, () => {
    const answer = async (t: TestContext, timeouts: { idleMs: number; totalMs: number }) => {
      const upstream = testUpstream(t);
      const server = await rawServer(
        t,
        (socket) =>
          socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nfirst')),
        transport.server(),
      );
      const sent = send(upstream, requestTo(originOf(server.port, transport.origin), { timeouts }));
      await until(() => sent.outcome.body === 'first');
      const closed = () => until(() => server.sockets.every((socket) => socket.closed));
      const drip = async () => {
        const had = sent.outcome.body.length;
        server.sockets[0]!.write('.');
        await until(() => sent.outcome.body.length === had + 1);
      };
      return { upstream, server, sent, closed, drip };
    };

    test('falls silent: every byte begins the wait anew', async (t) => {
      const { upstream, sent, closed, drip } = await answer(t, { idleMs: 900, totalMs: 0 });
      for (let i = 0; i < 5; i++) {
        await upstream.looked();
        upstream.advance(900);
        await drip();
      }
      const events = await timesOut(upstream, sent, ['upstream/idle-timeout', 900]);
      assert.deepEqual(events.slice(-2), ['data', 'fault']);
      await closed();
    });

    test('is not silent while nobody reads it', async (t) => {
      const { upstream, sent, closed } = await answer(t, { idleMs: 900, totalMs: 0 });
      sent.call.pause();
      await upstream.looked();
      upstream.advance(1_000_000);
      await upstream.looked();
      assert.equal(sent.outcome.fault, null);
      sent.call.resume();
      await timesOut(upstream, sent, ['upstream/idle-timeout', 900]);
      await closed();
    });

    test('goes on, but for too long in all', async (t) => {
      const { upstream, sent, closed, drip } = await answer(t, { idleMs: 900, totalMs: 3000 });
      for (let i = 0; i < 5; i++) {
        await upstream.looked();
        upstream.advance(500);
        await drip();
      }
      await upstream.looked();
      upstream.advance(500);
      await upstream.looked();
      assert.equal(sent.outcome.fault, null, 'the whole came early');
      upstream.advance(1);
      assert.equal((await sent.done).fault?.code, 'upstream/total-timeout');
      await closed();
    });
  });
}
