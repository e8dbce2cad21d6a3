import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import { createServer, type AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { Inbound } from '#core/contracts/inbound.ts';
import { createHttp2Server, type Http2Server } from './index.ts';

const limits = { timeout: 20_000 };
const request = { headerBytes: 32_768, bodyBytes: 1_000_000, headTimeoutMs: 15_000, bodyTimeoutMs: 15_000 };
const peer = { address: '127.0.0.1', secure: false, trusted: false };

/** A server that answers each request as `answer` says; the sockets it gets were read from already, or not. */
async function serve(t: TestContext, answer: (inbound: Inbound) => void, readFirst = true) {
  const http2 = createHttp2Server({ limits: request, websocket: false, onExchange: answer });
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    if (!readFirst) return http2.accept(socket, peer, Buffer.alloc(0));
    socket.once('data', (bytes: Buffer) => {
      socket.pause();
      http2.accept(socket, peer, bytes);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  t.after(() => {
    session.destroy();
    http2.cut();
    server.close();
  });
  return { http2, session, port };
}

type Fields = IncomingHttpHeaders & { ':status'?: number };

async function answered(stream: ClientHttp2Stream) {
  let trailers: IncomingHttpHeaders = {};
  const interim: Fields[] = [];
  stream.on('trailers', (fields) => (trailers = fields));
  stream.on('headers', (fields) => interim.push(fields));
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
  const closed = new Promise<number>((resolve) => stream.on('close', () => resolve(stream.rstCode ?? 0)));
  stream.on('error', () => {});
  const [headers] = (await once(stream, 'response')) as [Fields];
  return { headers, code: await closed, bytes, trailers, interim };
}

for (const readFirst of [true, false]) {
  test(`a socket is served, its first bytes ${readFirst ? 'read already' : 'unread'}`, limits, async (t) => {
    const { session } = await serve(t, (inbound) => inbound.respond(200, [], 'hello'), readFirst);
    const { bytes, headers } = await answered(session.request({}));
    assert.deepEqual([bytes, headers['content-length']], [5, '5']);
  });
}

test('a whole answer of any size leaves, while others are answered', limits, async (t) => {
  const big = Buffer.alloc(60_000_000);
  const { session } = await serve(t, (inbound) =>
    inbound.respond(200, [], inbound.head.path === '/big' ? big : 'x'),
  );
  const large = session.request({ ':path': '/big' });
  large.pause();
  const first = answered(large);
  large.pause();
  await once(large, 'response');
  assert.equal((await answered(session.request({ ':path': '/small' }))).bytes, 1);
  large.resume();
  assert.deepEqual(await first.then(({ bytes, code }) => [bytes, code]), [60_000_000, 0]);
});

test('an answer is not whole that is cut, shorter or longer than announced', limits, async (t) => {
  const ways: Record<string, (inbound: Inbound) => void> = {
    '/cut': (inbound) => {
      inbound.begin(200, []);
      inbound.write('some');
      inbound.end(false);
    },
    '/short': (inbound) => {
      inbound.begin(200, ['content-length', '10']);
      inbound.write('some');
      inbound.end();
    },
    '/long': (inbound) => {
      inbound.begin(200, ['content-length', '2']);
      inbound.write('some');
      inbound.end();
    },
  };
  const { session } = await serve(t, (inbound) => ways[inbound.head.path]!(inbound));
  for (const path of Object.keys(ways)) {
    const stream = session.request({ ':path': path });
    stream.on('error', () => {});
    await new Promise((resolve) => stream.once('close', resolve));
    assert.equal(stream.rstCode, 2, path);
  }
});

test('interim answers, fields and trailers are what HTTP/2 allows', limits, async (t) => {
  const lent = Buffer.from('lent');
  const { session } = await serve(t, (inbound) => {
    inbound.interim(103, ['link', '</a.css>; rel=preload']);
    inbound.begin(200, [
      ...['connection', 'x-hop', 'keep-alive', 'timeout=5', 'transfer-encoding', 'chunked', 'upgrade', 'h2c'],
      ...['set-cookie', 'a=1', 'set-cookie', 'b=2', 'etag', '"1"', 'etag', '"2"', 'x-bad', 'a\r\nb: c'],
      ...['content-encoding', 'gzip', 'content-encoding', 'br', 'date', 'Sun, 06 Nov 1994 08:49:37 GMT'],
    ]);
    inbound.write(lent);
    lent.fill('x');
    setImmediate(() => inbound.end(true, ['grpc-status', '0', 'content-length', '3', 'connection', 'close']));
  });
  const { headers, interim, trailers, bytes } = await answered(session.request({}));
  assert.deepEqual(
    interim.map((fields) => fields[':status']),
    [103],
  );
  for (const name of ['connection', 'keep-alive', 'transfer-encoding', 'upgrade'])
    assert.ok(!(name in headers));
  assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2']);
  assert.deepEqual(
    [headers.etag, headers['x-bad'], headers['content-encoding']],
    ['"1"', 'a??b: c', 'gzip, br'],
  );
  assert.equal(headers.date, 'Sun, 06 Nov 1994 08:49:37 GMT');
  assert.deepEqual(Object.entries(trailers), [['grpc-status', '0']]);
  assert.equal(bytes, 4);
});

test('what was lent is copied', limits, async (t) => {
  const { session } = await serve(t, (inbound) => {
    const lent = Buffer.from('lent');
    inbound.begin(200, []);
    inbound.write(lent);
    lent.fill('x');
    inbound.end();
  });
  const stream = session.request({});
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  assert.equal(text, 'lent');
});

test('a client that is gone is noticed, with and without an answer begun', limits, async (t) => {
  let gone!: () => void;
  const { session } = await serve(t, (inbound) => {
    if (inbound.head.path === '/begun') inbound.begin(200, []);
    inbound.onGone(gone);
  });
  for (const path of ['/begun', '/silent']) {
    for (const method of ['GET', 'HEAD', 'POST']) {
      const noticed = new Promise<void>((resolve) => (gone = resolve));
      const stream = session.request({ ':path': path, ':method': method }, { endStream: method !== 'POST' });
      stream.on('error', () => {});
      if (path === '/begun' && method !== 'HEAD') await once(stream, 'response');
      if (path === '/begun' && method === 'HEAD') continue;
      await new Promise((resolve) => session.ping(resolve));
      stream.close(8);
      await noticed;
    }
  }
});

test('a drain first says that it will, then which stream was the last', limits, async (t) => {
  let hold: Inbound | null = null;
  const { session, http2 } = await serve(t, (inbound) => (hold = inbound));
  const lasts: number[] = [];
  session.on('goaway', (_: number, last: number) => lasts.push(last));
  const stream = session.request({});
  await new Promise((resolve) => session.ping(resolve));
  const said = once(session, 'goaway');
  http2.drain();
  await said;
  assert.equal(lasts[0], 0x7fffffff);
  while (lasts.length < 2) await once(session, 'goaway');
  assert.equal(lasts[1], 1);
  const closed = once(session, 'close');
  hold!.respond(200, [], 'done');
  assert.equal((await answered(stream)).bytes, 4);
  await closed;
});

test('a server that is draining tells those who still come', limits, async (t) => {
  let server: Http2Server | null = null;
  const started = await serve(t, (inbound) => inbound.respond(200, [], 'x'));
  server = started.http2;
  server.drain();
  const late = connect(`http://127.0.0.1:${started.port}`);
  late.on('error', () => {});
  await once(late, 'goaway');
  await once(late, 'close');
});
