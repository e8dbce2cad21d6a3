import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type IncomingHttpHeaders,
  type Settings,
} from 'node:http2';
import { createServer as createHttp1 } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import type { BodySink, BodySource, Origin } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';
import { headerOf } from '#core/head.ts';
import { makeCertificates } from '../../testing/certificates.ts';
import { originOf, rawServer, requestTo, send, testUpstream, until } from '../testing/test-upstream.ts';

const limits = { timeout: 20_000 };

type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: string[]) => void;

interface TestServer {
  readonly origin: Origin;
  readonly sessions: ServerHttp2Session[];
  readonly streams: () => number;
}

async function serve(
  t: TestContext,
  onStream: OnStream,
  { settings = {}, server = createServer({ settings }) }: { settings?: Settings; server?: Http2Server } = {},
): Promise<TestServer> {
  const sessions: ServerHttp2Session[] = [];
  let streams = 0;
  server.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => {});
  });
  server.on(
    'stream',
    (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, raw: unknown) => {
      streams++;
      stream.on('error', () => {});
      onStream(stream, headers, raw as string[]);
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const origin = { ...originOf(port), key: `h2|${port}`, http2: 'prior-knowledge' } as const;
  return { origin, sessions, streams: () => streams };
}

const text = (stream: ServerHttp2Stream, body: string, more: object = {}) => {
  stream.respond({ ':status': 200, ...more });
  stream.end(body);
};

function source(lengthBytes: number | null = null) {
  const seen = { pauses: 0, resumes: 0, sink: null as BodySink | null };
  const body: BodySource = {
    lengthBytes,
    open: (sink) => void (seen.sink = sink),
    pause: () => void seen.pauses++,
    resume: () => void seen.resumes++,
  };
  return { body, seen };
}

describe('requests and answers', limits, () => {
  test('fields of the connection stay out, the others arrive as they are', async (t) => {
    let seen: IncomingHttpHeaders = {};
    const server = await serve(t, (stream, headers) => {
      seen = headers;
      stream.additionalHeaders({ ':status': 103, link: '</a>' });
      stream.respond({ ':status': 201, 'set-cookie': ['a=1', 'b=2'] }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end('made');
    });
    const upstream = testUpstream(t);
    const headers = ['host', 'a.test', 'connection', 'close', 'keep-alive', '5', 'te', 'trailers'];
    headers.push(
      'cookie',
      'x=1',
      'x-two',
      'a',
      'x-two',
      'b',
      'transfer-encoding',
      'chunked',
      'upgrade',
      'h2c',
    );
    const body = Buffer.from('hello');
    const request = requestTo(server.origin, { method: 'POST', path: '/p?q=1', headers, body });
    const outcome = await send(upstream, request).done;
    assert.equal(outcome.status, 201);
    assert.deepEqual(outcome.interim, [103]);
    assert.equal(outcome.body, 'made');
    assert.deepEqual(outcome.trailers, ['grpc-status', '0']);
    assert.equal(outcome.headers.filter((name) => name === 'set-cookie').length, 2);
    const { ':path': path, ':authority': authority, ':scheme': scheme } = seen;
    assert.deepEqual([path, authority, scheme], ['/p?q=1', 'a.test', 'http']);
    assert.equal(seen['te'], 'trailers');
    assert.equal(seen['x-two'], 'a, b');
    assert.equal(seen['content-length'], '5');
    for (const name of ['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'host'])
      assert.ok(!(name in seen), name);
  });

  test('many requests share one connection', async (t) => {
    const server = await serve(t, (stream) => setImmediate(() => text(stream, 'x')));
    const upstream = testUpstream(t);
    const sent = Array.from({ length: 60 }, () => send(upstream, requestTo(server.origin)).done);
    const outcomes = await Promise.all(sent);
    assert.ok(outcomes.every(({ status, body }) => status === 200 && body === 'x'));
    assert.equal(server.sessions.length, 1);
  });

  test('when a connection takes no more, others are opened, and those that wait are served', async (t) => {
    const open: ServerHttp2Stream[] = [];
    const server = await serve(t, (stream) => void open.push(stream), {
      settings: { maxConcurrentStreams: 1 },
    });
    const upstream = testUpstream(t);
    const sent = Array.from({ length: 3 }, () => send(upstream, requestTo(server.origin)));
    await until(() => open.length === 3);
    for (const stream of open) text(stream, 'y');
    for (const { done } of sent) assert.equal((await done).body, 'y');
    assert.equal(server.sessions.length, 3);
  });

  test('bodies flow both ways at the pace of whoever reads', async (t) => {
    const bytes = 3 * 1024 * 1024;
    const server = await serve(t, (stream) => {
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    });
    const upstream = testUpstream(t);
    const { body, seen } = source();
    let got = 0;
    let paused = false;
    const { done, outcome } = send(upstream, requestTo(server.origin, { method: 'POST', body }), {
      onData(call, chunk) {
        got += chunk.length;
        if (paused || got < 1024) return;
        paused = true;
        call.pause();
        setTimeout(() => call.resume(), 50);
      },
    });
    await until(() => seen.sink !== null);
    const piece = Buffer.alloc(64 * 1024, 'a');
    for (let given = 0; given < bytes; given += piece.length) {
      const pauses = seen.pauses;
      seen.sink!.onData(piece);
      if (seen.pauses > pauses) await until(() => seen.resumes === seen.pauses);
    }
    seen.sink!.onEnd();
    await done;
    assert.equal(outcome.fault, null);
    assert.equal(got, bytes);
    assert.ok(seen.pauses > 0, 'a body of 3 MiB was taken whole at once');
  });
});

describe('what goes wrong', limits, () => {
  test('a stream that was refused unread is sent anew, whatever it is; once', async (t) => {
    let refusals = 1;
    const server = await serve(t, (stream) => {
      if (refusals-- > 0) stream.close(7);
      else text(stream, 'ok');
    });
    const upstream = testUpstream(t);
    const request = requestTo(server.origin, { method: 'POST', body: Buffer.from('x'), idempotent: false });
    assert.equal((await send(upstream, request).done).body, 'ok');
    refusals = 2;
    const { fault } = await send(upstream, request).done;
    assert.equal(fault?.code, 'upstream/closed');
    assert.equal(fault?.details.unsent, true);
  });

  test('after GOAWAY requests go over another connection, and those under way end', async (t) => {
    const open: ServerHttp2Stream[] = [];
    const server = await serve(t, (stream) => void open.push(stream));
    const upstream = testUpstream(t);
    const first = send(upstream, requestTo(server.origin));
    await until(() => open.length === 1);
    server.sessions[0]!.close();
    await until(() => server.sessions[0]!.closed);
    await new Promise((resolve) => setTimeout(resolve, 30));
    const second = send(upstream, requestTo(server.origin));
    await until(() => open.length === 2);
    assert.equal(server.sessions.length, 2);
    for (const stream of open) text(stream, 'z');
    assert.equal((await first.done).body, 'z');
    assert.equal((await second.done).body, 'z');
  });

  test('a stream that is reset before and within its answer', async (t) => {
    let within = false;
    const server = await serve(t, (stream) => {
      if (!within) return stream.close(2);
      stream.respond({ ':status': 200, 'content-length': 10 });
      stream.write('half', () => stream.close(2));
    });
    const upstream = testUpstream(t);
    const before = await send(upstream, requestTo(server.origin, { idempotent: false })).done;
    assert.equal(before.fault?.code, 'upstream/closed');
    assert.equal(before.fault?.details.ambiguous, true);
    within = true;
    const later = await send(upstream, requestTo(server.origin)).done;
    assert.deepEqual(later.events.slice(0, 2), ['head', 'data']);
    assert.equal(later.fault?.code, 'upstream/closed');
  });

  test('the connection is lost', async (t) => {
    const server = await serve(t, (stream) => stream.session!.socket.destroy());
    const upstream = testUpstream(t);
    const { fault } = await send(upstream, requestTo(server.origin)).done;
    assert.equal(fault?.code, 'upstream/closed');
  });

  test('nobody listens; nobody answers; the answer stands still; it takes too long', async (t) => {
    const upstream = testUpstream(t);
    const nowhere = { ...originOf(1), key: 'h2|1', http2: 'prior-knowledge' } as const;
    assert.equal((await send(upstream, requestTo(nowhere)).done).fault?.code, 'upstream/connect');
    let begins = false;
    const server = await serve(t, (stream) => {
      if (begins) {
        stream.respond({ ':status': 200 });
        stream.write('x');
      }
    });
    const waits = send(upstream, requestTo(server.origin, { timeouts: { responseHeaderMs: 1000 } }));
    await until(() => server.streams() === 1);
    await upstream.looked();
    upstream.advance(1500);
    assert.equal((await waits.done).fault?.code, 'upstream/header-timeout');
    begins = true;
    const stands = send(upstream, requestTo(server.origin, { timeouts: { idleMs: 1000 } }));
    await until(() => stands.outcome.body === 'x');
    await upstream.looked();
    upstream.advance(1500);
    assert.equal((await stands.done).fault?.code, 'upstream/idle-timeout');
    const long = send(upstream, requestTo(server.origin, { timeouts: { totalMs: 1000 } }));
    await until(() => long.outcome.body === 'x');
    upstream.advance(1500);
    assert.equal((await long.done).fault?.code, 'upstream/total-timeout');
  });

  test('one that takes the connection and does not speak HTTP/2', async (t) => {
    const closing = await rawServer(t, (socket) => socket.end());
    const upstream = testUpstream(t);
    const to = (port: number) =>
      ({ ...originOf(port), key: `h2|${port}`, http2: 'prior-knowledge' }) as const;
    const sent = [1, 2].map(() => send(upstream, requestTo(to(closing.port))).done);
    for (const { fault } of await Promise.all(sent)) {
      assert.equal(fault?.code, 'upstream/closed');
      assert.equal(fault?.details.unsent, true);
    }
    assert.equal(closing.sockets.length, 1, 'those that wait fail with the connection they wait for');
    const silent = await rawServer(t, () => {});
    const waits = send(upstream, requestTo(to(silent.port), { timeouts: { connectMs: 1000 } }));
    await until(() => silent.sockets.length === 1);
    await upstream.looked();
    upstream.advance(1500);
    assert.equal((await waits.done).fault?.code, 'upstream/connect-timeout');
  });

  test('a call that is cancelled resets its stream, and nothing is heard of it', async (t) => {
    let code = -1;
    const server = await serve(t, (stream) => {
      stream.respond({ ':status': 200 });
      stream.write('x');
      stream.on('close', () => (code = stream.rstCode ?? -1));
    });
    const upstream = testUpstream(t);
    const { call, outcome } = send(upstream, requestTo(server.origin));
    await until(() => outcome.body === 'x');
    call.cancel();
    await until(() => code !== -1);
    assert.equal(code, 8);
    assert.deepEqual(outcome.events, ['head', 'data']);
  });

  test('a body that fails takes its stream with it', async (t) => {
    let code = -1;
    const server = await serve(t, (stream) =>
      stream.on('close', () => (code = stream.rstCode ?? -1)).resume(),
    );
    const upstream = testUpstream(t);
    const { body, seen } = source();
    const { done } = send(upstream, requestTo(server.origin, { method: 'POST', body }));
    await until(() => seen.sink !== null && server.streams() === 1);
    seen.sink!.onFault(new Fault('client/gone', 'gone'));
    assert.equal((await done).fault?.code, 'client/gone');
    await until(() => code === 8);
  });
});

describe('which version is spoken', limits, () => {
  const { ca, good } = makeCertificates();
  const { cert, key } = good;
  const secured = (port: number, http2: Origin['http2']): Origin => ({
    ...originOf(port, {
      secure: true,
      host: 'localhost',
      address: '127.0.0.1',
      tls: { ca, cert: null, key: null },
    }),
    key: `tls|${port}|${http2}`,
    http2: http2!,
  });

  test('over TLS the peer chooses HTTP/2', async (t) => {
    const server = await serve(t, (stream, { ':scheme': scheme }) => text(stream, scheme!), {
      server: createSecureServer({ cert, key }),
    });
    const upstream = testUpstream(t);
    for (const http2 of ['alpn', 'prior-knowledge'] as const) {
      const outcome = await send(upstream, requestTo(secured(server.origin.port, http2))).done;
      assert.equal(outcome.body, 'https');
    }
  });

  test('one that knows only HTTP/1.1 is spoken to so, or refused where HTTP/2 is known to be spoken', async (t) => {
    const server = createHttp1({ cert, key }, (request, response) => response.end(request.httpVersion));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const upstream = testUpstream(t);
    for (let i = 0; i < 3; i++) {
      const { body, headers } = await send(upstream, requestTo(secured(port, 'alpn'))).done;
      assert.equal(body, '1.1');
      assert.ok(headerOf(headers, 'date'));
    }
    const { fault } = await send(upstream, requestTo(secured(port, 'prior-knowledge'))).done;
    assert.match(fault?.message ?? '', /HTTP\/2|TLS/);
  });
});
