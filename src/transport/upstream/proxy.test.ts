import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { createServer } from 'node:tls';
import { makeCertificates } from '../testing/certificates.ts';
import {
  answering,
  originOf,
  rawServer,
  requestTo,
  send,
  testUpstream,
  until,
  type RawServer,
} from './testing/test-upstream.ts';

const limits = { timeout: 20_000 };
const { ca, good } = makeCertificates();

/** A proxy that opens tunnels to where CONNECT says, on this machine. */
const tunnelling = (t: TestContext): Promise<RawServer> =>
  rawServer(t, (socket) => {
    socket.once('data', (chunk) => {
      const port = Number(/^CONNECT [^ ]+:(\d+) HTTP\/1\.1\r\n/.exec(chunk.toString('latin1'))?.[1]);
      const onward: Socket = connect(port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\nx: y\r\n\r\n');
        socket.pipe(onward).pipe(socket);
      });
      onward.on('error', () => socket.destroy());
      socket.on('close', () => onward.destroy());
    });
  });

const proxied = (port: number) => `http://user:p%40ss@127.0.0.1:${port}`;

describe('through a proxy', limits, () => {
  for (const secure of [false, true]) {
    test(`${secure ? 'https' : 'http'}: by CONNECT with its credentials, and kept for the next request`, async (t) => {
      const upstream = testUpstream(t);
      const server = await rawServer(t, answering('far'), ...(secure ? [createServer(good)] : []));
      const proxy = await tunnelling(t);
      const to = originOf(server.port, {
        secure,
        host: 'localhost',
        proxy: proxied(proxy.port),
        tls: { ca, cert: null, key: null },
      });
      for (let i = 0; i < 2; i++) assert.equal((await send(upstream, requestTo(to)).done).body, 'far');
      assert.equal(proxy.sockets.length, 1);
      const host = `localhost:${server.port}`;
      const credentials = Buffer.from('user:p@ss').toString('base64');
      const connectHead = `CONNECT ${host} HTTP/1.1\r\nhost: ${host}\r\nproxy-authorization: Basic ${credentials}\r\n\r\n`;
      assert.ok(proxy.received(0).startsWith(connectHead));
      assert.ok(
        !server.received(0).includes('proxy-authorization'),
        'the origin is not shown the credentials',
      );
      assert.equal(proxy.received(0).includes('GET / HTTP/1.1'), !secure, 'a tunnel of TLS shows nothing');
      upstream.close();
      await until(() => proxy.sockets[0]!.closed && server.sockets[0]!.closed);
    });
  }

  test("the certificate is compared with the origin's name, not with the proxy's", async (t) => {
    const upstream = testUpstream(t);
    const server = await rawServer(t, answering('far'), createServer(good));
    const proxy = await tunnelling(t);
    const tls = { ca, cert: null, key: null };
    const to = originOf(server.port, { secure: true, host: 'far.test', proxy: proxied(proxy.port), tls });
    assert.equal((await send(upstream, requestTo(to)).done).fault?.code, 'upstream/tls');
  });

  const refusals: Record<string, { answer: string | null; why: RegExp }> = {
    'it wants credentials': {
      answer: 'HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n',
      why: /answered CONNECT with status 407/,
    },
    'it cannot reach the origin': { answer: 'HTTP/1.1 502 Bad Gateway\r\n\r\n', why: /status 502/ },
    'it speaks another protocol': { answer: 'SSH-2.0-x\r\n\r\n', why: /not HTTP/ },
    'it speaks for the origin': {
      answer: 'HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n',
      why: /sent bytes after/,
    },
    'it never ends its head': {
      answer: `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(17_000)}`,
      why: /head of over 16384/,
    },
    'it closes': { answer: null, why: /closed the connection instead/ },
  };
  for (const [what, { answer, why }] of Object.entries(refusals)) {
    test(`${what}: a fault of the connection, without the credentials`, async (t) => {
      const upstream = testUpstream(t);
      const proxy = await rawServer(t, (socket) => {
        socket.once('data', () => (answer === null ? socket.end() : socket.write(answer)));
      });
      const to = originOf(9, { host: 'far.test', proxy: proxied(proxy.port) });
      const { fault } = await send(upstream, requestTo(to)).done;
      assert.equal(fault?.code, 'upstream/connect');
      assert.match(fault.message, why);
      assert.doesNotMatch(fault.message, /p@ss|p%40ss/);
      assert.ok(!proxy.received(0).includes('GET /'));
      await until(() => proxy.sockets[0]!.closed);
    });
  }

  test('it is down, or not one that is spoken to', async (t) => {
    const upstream = testUpstream(t);
    for (const proxy of ['http://127.0.0.1:1', 'https://127.0.0.1:1', 'nonsense']) {
      const { fault } = await send(upstream, requestTo(originOf(9, { proxy }))).done;
      assert.equal(fault?.code, 'upstream/connect', proxy);
    }
  });
});
