import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { Inbound } from '#core/contracts/inbound.ts';
import { listen, type Listener } from './index.ts';

/** What the exchange of the running test does. */
let handle: (inbound: Inbound) => void | Promise<void> = () => {};
let listener: Listener;
const limits = { headerBytes: 8192, bodyBytes: 1 << 20, headTimeoutMs: 1000, bodyTimeoutMs: 1500 };
const start = () =>
  listen({
    host: '127.0.0.1',
    port: 0,
    reusePort: false,
    limits,
    trustedProxies: [],
    onExchange: (inbound) => void handle(inbound),
  });
before(async () => (listener = await start()));
after(() => listener.close(0));

const open = async (port = listener.port): Promise<Socket & { all: Promise<string> }> => {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.on('error', () => {});
  const all = new Promise<string>((resolve) => {
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve(text));
  });
  return Object.assign(socket, { all });
};
const dateless = (text: string) => text.replaceAll(/date: [^\r]+\r\n/g, '');
const staying = 'connection: keep-alive\r\nkeep-alive: timeout=75\r\n\r\n';
const echoPath = (inbound: Inbound) => inbound.respond(200, [], inbound.head.path);

describe('one connection', () => {
  test('carries requests that come early, in their order, one at a time', async () => {
    let under = 0;
    let most = 0;
    handle = async (inbound) => {
      most = Math.max(most, ++under);
      const body = await inbound.readBody(1000);
      await new Promise((resolve) => setTimeout(resolve, inbound.head.path === '/1' ? 30 : 0));
      under--;
      inbound.respond(200, [], `${inbound.head.path} ${body.toString()}`);
    };
    const socket = await open();
    const post = (n: number, rest = '') =>
      `POST /${n} HTTP/1.1\r\nhost: x\r\n${rest}content-length: 1\r\n\r\n${n}`;
    socket.write(post(1) + post(2) + post(3) + post(4, 'connection: close\r\n'));
    const text = await socket.all;
    assert.equal(most, 1);
    assert.deepEqual(text.match(/\/\d \d/g), ['/1 1', '/2 2', '/3 3', '/4 4']);
    assert.equal(text.match(/keep-alive: timeout/g)?.length, 3);
    assert.ok(text.includes('connection: close\r\n\r\n/4 4'));
  });

  test('carries the next request when a chunked body was read to its end', async () => {
    handle = async (inbound) => {
      inbound.respond(200, [], `${(await inbound.readBody(1000)).length}`);
    };
    const socket = await open();
    socket.write('POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel');
    await new Promise((resolve) => setTimeout(resolve, 20));
    socket.write('lo\r\n0\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    assert.deepEqual((await socket.all).match(/\r\n\r\n\d/g), ['\r\n\r\n5', '\r\n\r\n0']);
  });

  test('is closed when an answer comes before its request was read', async () => {
    handle = (inbound) => inbound.respond(401, [], 'no');
    const socket = await open();
    socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n');
    const text = await socket.all;
    assert.equal(text.match(/HTTP\/1\.1 \d+/g)?.length, 1);
    assert.ok(text.includes('connection: close'));
  });
});

describe('an answer', () => {
  test('has a length, or chunks, or neither', async () => {
    const answers: Record<string, (inbound: Inbound) => void> = {
      '/whole': (inbound) => inbound.respond(200, ['a', 'b'], 'ü'),
      '/chunks': (inbound) => {
        inbound.begin(200, []);
        inbound.write('one');
        inbound.write(Buffer.alloc(0));
        inbound.write(Buffer.from('two!'));
        inbound.end(true, ['x-sum', '7']);
      },
      '/known': (inbound) => {
        inbound.begin(200, ['content-length', '3']);
        inbound.write('abc');
        inbound.end();
      },
      '/none': (inbound) => inbound.respond(204, [], 'not sent'),
      '/head': (inbound) => inbound.respond(200, [], 'not sent'),
    };
    handle = (inbound) => answers[inbound.head.path]!(inbound);
    const socket = await open();
    for (const path of ['/whole', '/chunks', '/known', '/none'])
      socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
    socket.write('HEAD /head HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    assert.equal(
      Buffer.from(dateless(await socket.all), 'latin1').toString(),
      `HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 2\r\n${staying}ü` +
        `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n${staying}3\r\none\r\n4\r\ntwo!\r\n0\r\nx-sum: 7\r\n\r\n` +
        `HTTP/1.1 200 OK\r\ncontent-length: 3\r\n${staying}abc` +
        `HTTP/1.1 204 No Content\r\n${staying}` +
        'HTTP/1.1 200 OK\r\ncontent-length: 8\r\nconnection: close\r\n\r\n',
    );
  });

  test('to HTTP/1.0 ends with the connection', async () => {
    handle = (inbound) => {
      inbound.begin(200, []);
      inbound.write('abc');
      inbound.end();
    };
    const socket = await open();
    socket.write('GET / HTTP/1.0\r\nhost: x\r\n\r\n');
    assert.equal(dateless(await socket.all), 'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabc');
  });

  test('cannot be split by what stands in a header', async () => {
    handle = (inbound) => inbound.respond(200, ['x-a', 'b\r\nset-cookie: evil=1\r\n\r\nGET'], null);
    const socket = await open();
    socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    assert.ok((await socket.all).includes('x-a: b??set-cookie: evil=1????GET\r\n'));
  });

  test('that is cut short does not look whole', async () => {
    handle = (inbound) => {
      inbound.begin(200, inbound.head.path === '/known' ? ['content-length', '9'] : []);
      inbound.write('abc');
      setTimeout(() => inbound.end(inbound.head.path === '/known'), 20);
    };
    for (const path of ['/known', '/chunks']) {
      const socket = await open();
      socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
      const text = await socket.all;
      assert.ok(text.includes('abc'));
      assert.ok(!text.includes('0\r\n\r\n'));
    }
  });

  test('waits for a client that reads slowly, and goes on', async () => {
    const piece = Buffer.alloc(256 * 1024, 'x');
    let waited = 0;
    handle = (inbound) => {
      let left = 64;
      const go = (): void => {
        while (left > 0) {
          left--;
          if (!inbound.write(piece)) return void waited++;
        }
        inbound.end();
      };
      inbound.begin(200, []);
      inbound.onDrain(go);
      go();
    };
    const socket = await open();
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(waited > 0 && waited < 64, `${waited}`);
    socket.resume();
    await socket.all;
    assert.ok(bytes > 64 * piece.length);
  });
});

describe('a client', () => {
  test('that hangs up is noticed before anything is written', async () => {
    const gone = Promise.withResolvers<void>();
    handle = (inbound) => inbound.onGone(gone.resolve);
    for (const leave of ['end', 'destroy'] as const) {
      const socket = await open();
      socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
      setTimeout(() => socket[leave](), 20);
      await gone.promise;
    }
  });

  test('that hangs up while it sends a body ends the reading of it', async () => {
    const failed = Promise.withResolvers<unknown>();
    handle = (inbound) => void inbound.readBody(1000).catch(failed.resolve);
    const socket = await open();
    socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc');
    setTimeout(() => socket.destroy(), 20);
    assert.equal(((await failed.promise) as { code?: string }).code, 'client/gone');
  });

  test('that is slow with its head, or its body, is told 408; one that says nothing is let go', async () => {
    handle = async (inbound) => {
      try {
        await inbound.readBody(1000);
      } catch (fault) {
        inbound.respond((fault as { status: number }).status, [], 'late');
      }
    };
    const head = await open();
    head.write('GET / HTTP/1.1\r\nho');
    const body = await open();
    body.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc');
    const silent = await open();
    assert.match(await head.all, /^HTTP\/1\.1 408 /);
    assert.match(await body.all, /^HTTP\/1\.1 408 [^]*late$/);
    assert.equal(await silent.all, '');
  });

  test('is not let send a body that nobody reads, and is heard again when somebody does', async () => {
    const size = 32 * 1024 * 1024;
    const begun = Promise.withResolvers<Inbound>();
    handle = (inbound) => begun.resolve(inbound);
    const socket = await open();
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${size}\r\nconnection: close\r\n\r\n`);
    const all = Buffer.alloc(size, 'y');
    socket.write(all);
    const inbound = await begun.promise;
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.ok(socket.writableLength > 0, 'everything was taken without a reader');
    assert.equal((await inbound.readBody(size)).length, size);
    inbound.respond(200, [], 'done');
    assert.match(await socket.all, /done$/);
  });
});

describe('closing', () => {
  test('lets answers under way end, says so, and closes idle connections', async () => {
    const own = await start();
    const begun = Promise.withResolvers<Inbound>();
    handle = (inbound) => (inbound.head.path === '/slow' ? begun.resolve(inbound) : echoPath(inbound));
    const idle = await open(own.port);
    idle.write('GET /idle HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(idle, 'data');
    const busy = await open(own.port);
    busy.write('GET /slow HTTP/1.1\r\nhost: x\r\n\r\n');
    const inbound = await begun.promise;
    const closed = own.close(10_000);
    assert.match(await idle.all, /\/idle$/);
    inbound.respond(200, [], 'last');
    assert.match(await busy.all, /connection: close\r\n\r\nlast$/);
    await closed;
  });

  test('cuts what does not end within the grace, upgraded connections too', async () => {
    const own = await start();
    const upgraded = Promise.withResolvers<void>();
    handle = (inbound) => {
      const client = inbound.upgrade(['connection', 'Upgrade', 'upgrade', 'websocket']);
      assert.equal(client?.firstBytes.toString(), 'first');
      client?.socket.write(Buffer.from('hi'));
      upgraded.resolve();
    };
    const socket = await open(own.port);
    socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nfirst');
    await upgraded.promise;
    await once(socket, 'data');
    await own.close(50);
    assert.match(await socket.all, /^HTTP\/1\.1 101 Switching Protocols\r\n[^]*\r\n\r\nhi$/);
  });
});
