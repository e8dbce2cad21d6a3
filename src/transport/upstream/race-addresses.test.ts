import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { raceAddresses } from './race-addresses.ts';
import { alternate, createResolver } from './resolve-name.ts';
import { fullListener } from './testing/full-listener.ts';
import { until } from './testing/test-upstream.ts';

const limits = { timeout: 20_000 };

/** Listens on one address of this machine. */
async function listen(t: TestContext, host: string, port = 0) {
  const arrived: Socket[] = [];
  const server: Server = createServer((socket) => void arrived.push(socket.on('error', () => {})));
  server.listen(port, host);
  await once(server, 'listening');
  t.after(() => {
    for (const socket of arrived) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, arrived };
}

/** The socket that won, or the error of a race that nobody did. */
function race(t: TestContext, addresses: readonly string[], port: number): Promise<Socket | Error> {
  const { promise, resolve } = Promise.withResolvers<Socket | Error>();
  const stop = raceAddresses({ addresses, port, onread: null, onConnected: resolve, onFailed: resolve });
  t.after(async () => {
    stop();
    const result = await promise;
    if (!(result instanceof Error)) result.destroy();
  });
  return promise;
}

/** Sockets of this thread that are open or on their way. */
const socketsHere = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;

const winner = async (result: Promise<Socket | Error>) => {
  const socket = await result;
  if (socket instanceof Error) throw socket;
  return socket.remoteAddress;
};

describe('several addresses of one name', limits, () => {
  test('the first that listens is taken, and no other is tried', async (t) => {
    const first = await listen(t, '127.0.0.1');
    const second = await listen(t, '127.0.0.2', first.port);
    assert.equal(await winner(race(t, ['127.0.0.1', '127.0.0.2'], first.port)), '127.0.0.1');
    assert.deepEqual([first.arrived.length, second.arrived.length], [1, 0]);
  });

  test('one that refuses makes way for the next, of the other family too', async (t) => {
    const { port } = await listen(t, '127.0.0.1');
    assert.equal(await winner(race(t, ['::1', '127.0.0.9', '127.0.0.1'], port)), '127.0.0.1');
  });

  test('one that is silent is overtaken, and what was begun with it is given up', async (t) => {
    const port = await fullListener(t);
    const { arrived } = await listen(t, '127.0.0.2', port);
    const before = socketsHere();
    const socket = await race(t, ['127.0.0.1', '127.0.0.2'], port);
    assert.ok(!(socket instanceof Error), String(socket));
    assert.equal(socket.remoteAddress, '127.0.0.2');
    await until(() => arrived.length === 1);
    // The winner and its other end.
    await until(() => socketsHere() === before + 2);
  });

  test('when all refuse, the error is that of the first', async (t) => {
    const { port } = await listen(t, '127.0.0.1');
    const error = await race(t, ['127.0.0.7', '127.0.0.8'], port);
    assert.ok(error instanceof Error && error.message.includes('127.0.0.7'), String(error));
  });

  test('a race that is stopped calls nobody back and leaves no attempt', async (t) => {
    const port = await fullListener(t);
    const before = socketsHere();
    const unwanted = () => assert.fail('it was stopped');
    const stop = raceAddresses({
      addresses: ['127.0.0.1', '127.0.0.1'],
      port,
      onread: null,
      onConnected: unwanted,
      onFailed: unwanted,
    });
    assert.equal(socketsHere(), before + 1);
    stop();
    await until(() => socketsHere() === before);
  });
});

describe('names', limits, () => {
  const ask = (resolve: ReturnType<typeof createResolver>, host: string) =>
    new Promise<{ error: Error | null; addresses: readonly string[] }>((done) =>
      resolve(host, (error, addresses) => done({ error, addresses })),
    );

  test('addresses come by turns of family, the preferred one first (RFC 8305 §4)', () => {
    const of = (family: 4 | 6, ...addresses: string[]) => addresses.map((address) => ({ address, family }));
    assert.deepEqual(alternate([...of(6, 'a', 'b', 'c'), ...of(4, 'x')]), ['a', 'x', 'b', 'c']);
    assert.deepEqual(alternate([...of(4, 'x', 'y'), ...of(6, 'a', 'b', 'c')]), ['x', 'a', 'y', 'b', 'c']);
    assert.deepEqual(alternate(of(4, 'x')), ['x']);
  });

  test('what is found holds for half a minute, what is not for a second; those who wait share an answer', async () => {
    let now = 0;
    const resolve = createResolver(() => now);
    const both = await Promise.all([ask(resolve, 'localhost'), ask(resolve, 'localhost')]);
    assert.equal(both[0].addresses, both[1].addresses);
    now = 29_999;
    assert.equal((await ask(resolve, 'localhost')).addresses, both[0].addresses);
    now = 30_000;
    assert.notEqual((await ask(resolve, 'localhost')).addresses, both[0].addresses);

    // A label over 63 characters is refused by the system itself: nobody on the network is asked.
    const nowhere = `${'x'.repeat(64)}.invalid`;
    const missing = await ask(resolve, nowhere);
    assert.ok(missing.error);
    now += 999;
    assert.equal((await ask(resolve, nowhere)).error, missing.error);
    now += 1;
    assert.notEqual((await ask(resolve, nowhere)).error, missing.error);
  });

  test('an address is its own answer, at once', () => {
    let answer: readonly string[] = [];
    createResolver(() => 0)('::1', (_error, addresses) => (answer = addresses));
    assert.deepEqual(answer, ['::1']);
  });
});
