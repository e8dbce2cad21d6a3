import assert from 'node:assert/strict';
import { createServer as createPlain, type Server, type Socket } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { createServer as createTls } from 'node:tls';
import type { BodySource, Origin } from '#core/contracts/upstream.ts';
import { makeCertificates } from '../testing/certificates.ts';
import {
  okAnswer,
  onRequests,
  originOf,
  rawServer,
  requestTo,
  send,
  testUpstream,
  until,
  type RequestParts,
} from './testing/test-upstream.ts';

const limits = { timeout: 20_000 };
const certificates = makeCertificates();
const tls = { ca: certificates.ca, cert: null, key: null };
const transports: Record<string, { server: () => Server; origin: Partial<Origin> }> = {
  TCP: { server: () => createPlain(), origin: {} },
  TLS: { server: () => createTls(certificates.good), origin: { secure: true, host: 'localhost', tls } },
};

const flowing = (): BodySource => ({
  lengthBytes: 4,
  open: (sink) => {
    sink.onData(Buffer.from('body'));
    sink.onEnd();
  },
  pause() {},
  resume() {},
});

const post = (over: RequestParts = {}): RequestParts => ({
  method: 'POST',
  path: '/second',
  body: Buffer.from('body'),
  idempotent: false,
  ...over,
});

for (const [name, transport] of Object.entries(transports)) {
  /** One request has gone well over the first connection; what `meets` does is what the second one meets there. */
  const keptAlive = async (t: TestContext, meets: (socket: Socket) => void, next = okAnswer('anew')) => {
    const upstream = testUpstream(t);
    const seen: string[] = [];
    const server = await rawServer(
      t,
      (socket, connection) =>
        onRequests(socket, (text, index) => {
          seen.push(`${connection}:${text.split(' ', 2).join(' ')}`);
          if (connection > 0 && next === '') socket.destroy();
          else if (connection > 0) socket.write(next);
          else if (index === 0) socket.write(okAnswer('first'));
          else meets(socket);
        }),
      transport.server(),
    );
    const to = originOf(server.port, transport.origin);
    assert.equal((await send(upstream, requestTo(to, { path: '/first' })).done).body, 'first');
    assert.equal(upstream.stats().idle, 1);
    return { upstream, server, seen, to };
  };
  const closing = (socket: Socket) => socket.destroy();

  describe(`${name}: a kept-alive connection that closes upon a request`, limits, () => {
    test('an idempotent one is sent anew, once, over a new connection', async (t) => {
      const { upstream, seen, to } = await keptAlive(t, closing);
      const outcome = await send(upstream, requestTo(to, { path: '/second' })).done;
      assert.deepEqual(
        [outcome.status, outcome.body, outcome.events],
        [200, 'anew', ['head', 'data', 'end']],
      );
      assert.deepEqual(seen, ['0:GET /first', '0:GET /second', '1:GET /second']);
    });

    test('so is a POST that says it may be repeated', async (t) => {
      const { upstream, server, seen, to } = await keptAlive(t, closing);
      const outcome = await send(upstream, requestTo(to, post({ idempotent: true }))).done;
      assert.equal(outcome.body, 'anew');
      assert.deepEqual(seen, ['0:GET /first', '0:POST /second', '1:POST /second']);
      assert.ok(server.received(1).endsWith('\r\n\r\nbody'));
    });

    test('any other POST is not: it may have arrived, and the fault says so', async (t) => {
      const { upstream, server, seen, to } = await keptAlive(t, closing);
      const { fault } = await send(upstream, requestTo(to, post())).done;
      assert.equal(fault?.code, 'upstream/closed');
      assert.equal(fault.details.ambiguous, true);
      assert.match(fault.message, /cannot be known/);
      assert.deepEqual(seen, ['0:GET /first', '0:POST /second']);
      assert.equal(server.sockets.length, 1);
    });

    test('a body that flowed cannot be had again', async (t) => {
      const { upstream, server, to } = await keptAlive(t, closing);
      const { fault } = await send(upstream, requestTo(to, post({ idempotent: true, body: flowing() }))).done;
      assert.equal(fault?.code, 'upstream/closed');
      assert.equal(server.sockets.length, 1);
    });

    test('once a byte has come, nothing is sent anew', async (t) => {
      for (const first of ['H', 'HTTP/1.1 103 Early Hints\r\n\r\n', 'HTTP/1.1 200 OK\r\n\r']) {
        const { upstream, server, to } = await keptAlive(t, (socket) => socket.end(first));
        const { fault } = await send(upstream, requestTo(to, { path: '/second' })).done;
        assert.equal(fault?.code, 'upstream/closed', first);
        assert.equal(server.sockets.length, 1);
      }
    });

    test('the second connection gets no third', async (t) => {
      const { upstream, server, to } = await keptAlive(t, closing, '');
      const { fault } = await send(upstream, requestTo(to, { path: '/second' })).done;
      assert.equal(fault?.code, 'upstream/closed');
      assert.equal(server.sockets.length, 2);
    });

    test('of a hundred that meet it at once each is answered once', async (t) => {
      const upstream = testUpstream(t);
      let answered = 0;
      const server = await rawServer(
        t,
        (socket) =>
          onRequests(socket, (_, index) => {
            if (index > 0) return socket.destroy();
            answered++;
            socket.write(okAnswer('x'));
          }),
        transport.server(),
      );
      const to = originOf(server.port, transport.origin);
      for (let round = 0; round < 2; round++) {
        const sent = Array.from({ length: 100 }, () => send(upstream, requestTo(to)).done);
        for (const { body, fault } of await Promise.all(sent)) assert.deepEqual([body, fault], ['x', null]);
      }
      assert.equal(answered, 200);
      assert.equal(server.sockets.length, 200);
    });
  });

  describe(`${name}: a connection that is closed, and known to be`, limits, () => {
    test('is not used, so that even a POST has nothing to fear', async (t) => {
      const { upstream, server, seen, to } = await keptAlive(t, closing);
      server.sockets[0]!.end();
      await until(() => upstream.stats().open === 0);
      assert.equal((await send(upstream, requestTo(to, post())).done).body, 'anew');
      assert.deepEqual(seen, ['0:GET /first', '1:POST /second']);
    });

    test('a new one that closes is not tried twice', async (t) => {
      const upstream = testUpstream(t);
      const server = await rawServer(
        t,
        (socket) => socket.once('data', closing.bind(null, socket)),
        transport.server(),
      );
      const { fault } = await send(upstream, requestTo(originOf(server.port, transport.origin))).done;
      assert.equal(fault?.code, 'upstream/closed');
      assert.equal(server.sockets.length, 1);
    });
  });
}

describe('a POST of which no byte has left', limits, () => {
  test('is sent anew: the kernel knew of the reset before we did', async (t) => {
    const upstream = testUpstream(t);
    const server = await rawServer(t, (socket) => onRequests(socket, () => socket.write(okAnswer('x'))));
    const to = originOf(server.port);
    await send(upstream, requestTo(to)).done;
    // Reset and write within one turn of the loop: no event can come in between.
    server.sockets[0]!.resetAndDestroy();
    assert.equal(upstream.stats().idle, 1);
    const outcome = await send(upstream, requestTo(to, post())).done;
    assert.deepEqual([outcome.body, outcome.fault], ['x', null]);
    assert.equal(server.sockets.length, 2);
    assert.ok(!server.received(0).includes('POST'));
  });
});

describe('idle connections', limits, () => {
  const idle = async (t: TestContext, fields: string) => {
    const upstream = testUpstream(t, { idleExpiryMs: 4000 });
    const server = await rawServer(t, (socket) =>
      onRequests(socket, () => socket.write(okAnswer('x', fields))),
    );
    await send(upstream, requestTo(server.port)).done;
    return { upstream, server };
  };

  const expiries: Record<string, readonly [string, number]> = {
    'after the time of its own': ['', 4000],
    'a second before the promised end': ['keep-alive: timeout=10\r\n', 9000],
    'after a minute, whatever was promised': ['keep-alive: timeout=3600\r\n', 60_000],
  };
  for (const [when, [fields, ms]] of Object.entries(expiries)) {
    test(`are closed by us ${when}`, async (t) => {
      const { upstream, server } = await idle(t, fields);
      upstream.advance(ms - 1);
      assert.equal((await send(upstream, requestTo(server.port)).done).body, 'x');
      assert.equal(server.sockets.length, 1);
      upstream.advance(ms);
      await until(() => server.sockets[0]!.closed && upstream.stats().open === 0);
    });
  }

  test('an expired one is not used, even before it is closed', async (t) => {
    const { upstream, server } = await idle(t, '');
    upstream.advance(4000);
    assert.equal((await send(upstream, requestTo(server.port)).done).body, 'x');
    assert.equal(server.sockets.length, 2);
  });

  test('bytes that come while one is idle end it: they would answer the next request', async (t) => {
    const { upstream, server } = await idle(t, '');
    server.sockets[0]!.write(okAnswer('poison'));
    await until(() => upstream.stats().open === 0 && server.sockets[0]!.closed);
    assert.equal((await send(upstream, requestTo(server.port)).done).body, 'x');
    assert.equal(server.sockets.length, 2);
  });

  test('no more are kept for an origin than allowed', async (t) => {
    const upstream = testUpstream(t, { maxIdlePerOrigin: 3 });
    const server = await rawServer(t, (socket) => onRequests(socket, () => socket.write(okAnswer('x'))));
    await Promise.all(Array.from({ length: 10 }, () => send(upstream, requestTo(server.port)).done));
    assert.deepEqual(upstream.stats(), { open: 3, idle: 3, active: 0 });
    await until(() => server.sockets.filter((socket) => !socket.closed).length === 3);
  });
});
