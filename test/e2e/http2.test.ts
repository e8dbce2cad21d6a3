/** HTTP/2 by clients that people use: node's own, curl, fetch and an official SDK over TLS. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer } from 'node:http';
import {
  connect,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
} from 'node:http2';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { after, before, test, type TestContext } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import OpenAI from '../clients/node_modules/openai/index.mjs';
import { makeCertificates } from '../../src/transport/testing/certificates.ts';
import { startSimulator, type Simulator } from '../../simulator/server.ts';
import { standardConfig, startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { headers, RawHttp2, types } from '../harness/raw-http2.ts';
import { receiptOf } from '../harness/receipts.ts';
import { blocksOf } from '../harness/snippets.ts';

type Library = typeof import('../clients/node_modules/@types/ws/index.d.mts');
const { WebSocketServer } = createRequire(new URL('../clients/package.json', import.meta.url))(
  'ws',
) as Library;

const limits = { timeout: 30_000 };
const authorization = `Bearer ${testKey}`;

/** An upstream of HTTP/1.1 that ends its answers with trailers, as gRPC needs them. */
const trailing = createServer((request, response) => {
  request.resume();
  request.once('end', () => {
    const status = Number(/^\/status\/(\d+)$/.exec(request.url ?? '')?.[1] ?? 0);
    if (status > 0) return void response.writeHead(status).end();
    response.writeHead(200, { 'content-type': 'application/grpc', trailer: 'grpc-status' });
    if (request.url !== '/only') response.write(Buffer.from([0, 0, 0, 0, 2, 8, 1]));
    response.addTrailers({ 'grpc-status': '5', 'grpc-message': 'no such thing', 'x-extra': 'yes' });
    response.end();
  });
});
const sockets = new WebSocketServer({ host: '127.0.0.1', port: 0 });
sockets.on('connection', (socket, request) => {
  socket.send(String(request.headers['sec-websocket-key']?.length));
  socket.on('message', (data, binary) => socket.send(data, { binary }));
});

let gateway: TestGateway;
let simulator: Simulator;
before(async () => {
  trailing.listen(0, '127.0.0.1');
  await once(trailing, 'listening');
  const at = (server: { address(): unknown }) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  simulator = await startSimulator({ port: 0 });
  const { routes } = standardConfig(simulator.url) as { routes: object[] };
  const more = (name: string, http: string, policies?: object[]) => ({
    name,
    match: { path: `/${name}/**` },
    stripPrefix: `/${name}`,
    to: { http },
    ...(policies ? { policies } : {}),
  });
  gateway = await startTestGateway({
    simulator,
    config: {
      routes: [
        ...routes,
        more('pkg.Service', at(trailing)),
        more('live', at(sockets), []),
        more('dead', 'http://127.0.0.1:1', []),
      ],
    },
  });
});
after(async () => {
  await gateway.stop();
  await simulator.close();
  trailing.close();
  for (const socket of sockets.clients) socket.terminate();
  sockets.close();
});

function open(t: TestContext): ClientHttp2Session {
  const session = connect(gateway.url);
  session.on('error', () => {});
  t.after(() => session.destroy());
  return session;
}

interface Answered {
  readonly headers: IncomingHttpHeaders & { ':status'?: number };
  readonly trailers: IncomingHttpHeaders | null;
  readonly body: Buffer;
}

/** The whole of an answer. */
async function answered(stream: ClientHttp2Stream): Promise<Answered> {
  let trailers: IncomingHttpHeaders | null = null;
  stream.on('trailers', (fields) => (trailers = fields));
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = once(stream, 'close');
  const [headers] = (await once(stream, 'response')) as [Answered['headers']];
  await ended;
  return { headers, trailers, body: Buffer.concat(chunks) };
}

test('large bodies flow both ways at once on several streams', limits, async (t) => {
  const session = open(t);
  const big = Buffer.alloc(2_000_000, 'abcdefghij');
  const answers = Array.from({ length: 4 }, (_, i) => {
    const length = i % 2 === 0 ? { 'content-length': big.length } : {};
    const stream = session.request({ ':method': 'POST', ':path': '/api/mirror', authorization, ...length });
    stream.end(big);
    return answered(stream);
  });
  for (const { headers, body } of await Promise.all(answers)) {
    assert.equal(headers[':status'], 200);
    assert.ok(body.equals(big));
    for (const name of ['connection', 'keep-alive', 'transfer-encoding']) assert.ok(!(name in headers), name);
    assert.ok(headers.date);
  }
});

test('HEAD, 204, 304 and a method without a body have none', limits, async (t) => {
  const session = open(t);
  const ask = (method: string, path: string) =>
    answered(session.request({ ':method': method, ':path': path, authorization }, { endStream: true }));
  const head = await ask('HEAD', '/api/bytes/1000');
  assert.deepEqual(
    [head.headers[':status'], head.headers['content-length'], head.body.length],
    [200, '1000', 0],
  );
  for (const status of [204, 304]) {
    const { headers, body } = await ask('GET', `/pkg.Service/status/${status}`);
    assert.deepEqual([headers[':status'], body.length], [status, 0]);
  }
  assert.equal((await ask('DELETE', '/api/echo')).headers[':status'], 200);
});

test('100 comes when the body is wanted, and not where it is refused', limits, async (t) => {
  const session = open(t);
  const ask = async (fields: object) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/api/echo',
      expect: '100-continue',
      ...fields,
    });
    let continued = false;
    stream.once('continue', () => {
      continued = true;
      stream.end('hi');
    });
    const { headers } = await answered(stream);
    stream.destroy();
    return [continued, headers[':status']];
  };
  assert.deepEqual(await ask({ authorization }), [true, 200]);
  assert.deepEqual(await ask({}), [false, 401]);
});

test(
  'a stream of events flows event by event; the receipt is the same as with HTTP/1.1',
  limits,
  async (t) => {
    const stream = open(t).request({
      ':method': 'POST',
      ':path': '/v1/chat/completions',
      authorization,
      'content-type': 'application/json',
    });
    stream.end(call({ tokens: 6, paceMs: 50 }));
    const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    let text = '';
    let pieces = 0;
    for await (const chunk of stream) {
      text += String(chunk);
      pieces++;
    }
    assert.ok(pieces >= 6, `${pieces} pieces`);
    assert.match(text, /data: \[DONE\]\n\n$/);
    const receipt = await receiptOf(gateway, String(headers['x-sluice-exchange']));
    assert.equal(receipt.outcome, 'completed');
  },
);

const call = (script: object) =>
  JSON.stringify({
    model: 'o/gpt-sim',
    stream: true,
    messages: [{ role: 'user', content: `simulate:${JSON.stringify(script)}` }],
  });

test('a stream that its client resets is cancelled upstream and settled once', limits, async (t) => {
  const session = open(t);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/v1/chat/completions',
    authorization,
    'content-type': 'application/json',
  });
  stream.on('error', () => {});
  stream.end(call({ tokens: 1000, paceMs: 20 }));
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  await once(stream, 'data');
  const number = simulator.calls().at(-1)!.number;
  stream.close(8);
  const asked = () => simulator.calls().find((one) => one.number === number)!;
  while (asked().finished !== 'client-gone') await new Promise((resolve) => setTimeout(resolve, 10));
  const receipt = await receiptOf(gateway, String(headers['x-sluice-exchange']));
  assert.equal(receipt.outcome, 'client_gone');
  // The connection serves on.
  const next = await answered(session.request({ ':path': '/open/echo' }));
  assert.equal(next.headers[':status'], 200);
});

test('a client that closes its side is gone', limits, async (t) => {
  const client = new RawHttp2(gateway.port);
  t.after(() => client.close());
  const path = '/open/sse?count=1000&delayMs=20';
  client.send(headers(1, [':method', 'GET', ':scheme', 'http', ':authority', 'a.test', ':path', path]));
  await client.until(({ type }) => type === types.data);
  const { number } = simulator.calls().at(-1)!;
  client.socket.end();
  await client.untilClosed();
  while (simulator.calls().find((one) => one.number === number)!.finished !== 'client-gone')
    await new Promise((resolve) => setTimeout(resolve, 10));
});

test('a client that reads slowly slows its upstream down', limits, async (t) => {
  const stream = open(t).request({ ':path': '/api/bytes/50000000', authorization });
  await once(stream, 'response');
  const asked = () => simulator.calls().at(-1)!.chunks;
  let before = -1;
  // Until nothing moves any more, far from the end.
  for (let now = asked(); now !== before; now = asked()) {
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.ok(before * 65_536 < 25_000_000, `${before} chunks were sent`);
  let bytes = 0;
  for await (const chunk of stream) bytes += (chunk as Buffer).length;
  assert.equal(bytes, 50_000_000);
});

test('a body above the limit is refused while it flows', limits, async (t) => {
  const stream = open(t).request({ ':method': 'POST', ':path': '/api/echo', authorization });
  stream.on('error', () => {});
  const piece = Buffer.alloc(1_000_000);
  const flow = () => {
    while (!stream.destroyed && stream.write(piece));
  };
  stream.on('drain', flow);
  flow();
  const { headers } = await answered(stream);
  assert.equal(headers[':status'], 413);
});

test('trailers reach the client, after a body and without one', limits, async (t) => {
  const session = open(t);
  for (const path of ['/pkg.Service/Get', '/pkg.Service/only']) {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      authorization,
      te: 'trailers',
      'content-type': 'application/grpc',
    });
    stream.end(Buffer.from([0, 0, 0, 0, 0]));
    const { headers, trailers, body } = await answered(stream);
    assert.equal(headers[':status'], 200);
    assert.deepEqual([trailers?.['grpc-status'], trailers?.['x-extra']], ['5', 'yes']);
    assert.equal(body.length, path.endsWith('only') ? 0 : 7);
  }
});

test(
  'a client of gRPC is told what went wrong by grpc-status, in an answer of trailers only',
  limits,
  async (t) => {
    const session = open(t);
    const ask = async (path: string, fields: object = {}) => {
      const stream = session.request({
        ':method': 'POST',
        ':path': path,
        te: 'trailers',
        'content-type': 'application/grpc+proto',
        ...fields,
      });
      stream.end(Buffer.from([0, 0, 0, 0, 0]));
      const { headers, body } = await answered(stream);
      assert.deepEqual(
        [headers[':status'], headers['content-type'], body.length],
        [200, 'application/grpc', 0],
      );
      assert.ok(headers['x-sluice-exchange']);
      return headers['grpc-status'];
    };
    assert.equal(await ask('/pkg.Service/Get'), '16');
    assert.equal(await ask('/nowhere.Service/Get'), '12');
    assert.equal(await ask('/dead/Get'), '14');
  },
);

test('a WebSocket is a stream (RFC 8441), and other streams go on beside it', limits, async (t) => {
  const session = open(t);
  const [settings] = (await once(session, 'remoteSettings')) as [{ enableConnectProtocol?: boolean }];
  assert.equal(settings.enableConnectProtocol, true);
  const stream = session.request(
    {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'http',
      ':path': '/live/room',
      ':authority': 'a.test',
      'sec-websocket-version': '13',
    },
    { endStream: false },
  );
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders & { ':status': number }];
  assert.equal(headers[':status'], 200);
  assert.ok(!('sec-websocket-accept' in headers));
  let text = '';
  const until = async (mark: string) => {
    while (!text.includes(mark))
      text += String(((await once(stream, 'data')) as [Buffer])[0].toString('latin1'));
  };
  // Its first message says how long the key was that the upstream got (RFC 6455 §4.1: 16 bytes in base64).
  await until('24');
  // A text frame, masked with zeros (RFC 6455 §5.2).
  stream.write(Buffer.concat([Buffer.from([0x81, 0x85, 0, 0, 0, 0]), Buffer.from('hello')]));
  await until('hello');
  const beside = await answered(session.request({ ':path': '/open/echo' }));
  assert.equal(beside.headers[':status'], 200);
  assert.equal(sockets.clients.size, 1);
  const [upstream] = sockets.clients;
  const gone = once(upstream!, 'close');
  stream.close(8);
  await gone;
});

test('a drain lets streams finish, names no last one before it is known, and closes', limits, async (t) => {
  const other = await startTestGateway({ simulator });
  const session = connect(other.url);
  t.after(() => session.destroy());
  const codes: number[] = [];
  session.on('goaway', (code: number) => codes.push(code));
  session.on('error', () => {});
  const stream = session.request({
    ':method': 'POST',
    ':path': '/v1/chat/completions',
    authorization,
    'content-type': 'application/json',
  });
  stream.end(call({ tokens: 40, paceMs: 20 }));
  await once(stream, 'response');
  const closed = once(session, 'close');
  const stopped = other.stop();
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  assert.match(text, /data: \[DONE\]\n\n$/);
  await closed;
  await stopped;
  assert.ok(codes.length > 0 && codes.every((code) => code === 0));
});

test('over TLS, fetch and an official SDK speak HTTP/2 by themselves', limits, async (t) => {
  const { ca, good } = makeCertificates();
  const secure = await startTestGateway({
    simulator,
    config: { listen: { port: 0, tls: { certificates: [good] } } },
  });
  t.after(() => secure.stop());
  const before = getCACertificates('default');
  setDefaultCACertificates([...before, ca]);
  t.after(() => setDefaultCACertificates(before));
  let streams = 0;
  const count = () => streams++;
  subscribe('http2.client.stream.created', count);
  t.after(() => unsubscribe('http2.client.stream.created', count));
  const url = `https://localhost:${secure.port}`;
  const echo = await fetch(`${url}/open/echo`, { method: 'POST', body: 'hi' });
  assert.equal(((await echo.json()) as { body: string }).body, 'hi');
  const sdk = new OpenAI({ baseURL: `${url}/v1`, apiKey: testKey, maxRetries: 0 });
  const stream = await sdk.chat.completions.create({
    model: 'o/gpt-sim',
    stream: true,
    messages: [{ role: 'user', content: 'simulate:{"tokens":12}' }],
  });
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
  assert.equal(text.trim().split(/\s+/).length, 12);
  assert.equal(streams, 2);
});

test(
  'a listener says what it has: HTTP/2 or none, WebSockets on it or none, how many streams',
  limits,
  async (t) => {
    const begin = async (http2: object | boolean) => {
      const other = await startTestGateway({ simulator, config: { listen: { port: 0, http2 } } });
      t.after(() => other.stop());
      return other;
    };
    const saidBy = async (url: string) => {
      const session = connect(url);
      session.on('error', () => {});
      t.after(() => session.destroy());
      const [said] = (await once(session, 'remoteSettings')) as [Record<string, unknown>];
      return [said['maxConcurrentStreams'], said['enableConnectProtocol']];
    };
    // As docs/http2.md has it.
    const { listen } = parse(blocksOf('docs/http2.md', 'yaml')[0]!) as { listen: { http2: object } };
    assert.deepEqual(await saidBy((await begin(listen.http2)).url), [128, true]);
    const plain = await begin({ maxStreams: 7, websocket: false });
    assert.deepEqual(await saidBy(plain.url), [7, false]);
    const refused = new RawHttp2(plain.port);
    t.after(() => refused.close());
    const asked = [
      ':method',
      'CONNECT',
      ':protocol',
      'websocket',
      ':scheme',
      'http',
      ':path',
      '/open/upgrade-echo',
    ];
    refused.send(headers(1, [...asked, ':authority', 'a.test'], false));
    assert.match(await refused.outcome(1), /^(reset 1|status 400)$/);
    const none = await begin(false);
    const client = new RawHttp2(none.port);
    t.after(() => client.close());
    await client.untilClosed();
    assert.equal((await fetch(`${none.url}/open/echo`)).status, 200);
  },
);

test('curl with prior knowledge', limits, async () => {
  const { stdout } = await promisify(execFile)('curl', [
    '-s',
    '--http2-prior-knowledge',
    '-w',
    '\n%{http_version} %{http_code}',
    '-d',
    'hello',
    `${gateway.url}/open/echo`,
  ]);
  assert.match(stdout, /"body":"hello"/);
  assert.match(stdout, /\n2 200$/);
});
