/** Several listeners, and what a reload and a shutdown make of them while clients are connected. */
import assert from 'node:assert/strict';
import { randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { connect, createServer as createPlainServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { stringify } from 'yaml';
import { makeAuthority, type Pair } from '../../src/transport/testing/authority.ts';
import { get, rest, secured } from '../../src/transport/server/testing/doors.ts';
import { startSimulator } from '../../simulator/server.ts';
import { startCommand } from '../harness/command.ts';
import { standardConfig, startTestGateway, type TestGateway } from '../harness/gateway.ts';

type Library = typeof import('../clients/node_modules/@types/ws/index.d.mts');
/** The library's types are a package of their own, so that its path says nothing about them. */
const { WebSocket, WebSocketServer } = createRequire(new URL('../clients/package.json', import.meta.url))(
  'ws',
) as Library;

const authority = makeAuthority();
after(() => authority[Symbol.dispose]());
const issue = () => authority.issue({ alternatives: 'DNS:a.test' });
const emptyFolder = (t: TestContext) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-listeners-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};
/** Writes both files, each at once, one after the other. */
const write = (folder: string, { cert, key }: Pair) => {
  for (const [name, text] of [
    ['key', key],
    ['pem', cert],
  ] as const) {
    writeFileSync(join(folder, `a.${name}.new`), text);
    renameSync(join(folder, `a.${name}.new`), join(folder, `a.${name}`));
  }
};
const certificateIn = (folder: string) => ({
  cert: `\${file:${join(folder, 'a.pem')}}`,
  key: `\${file:${join(folder, 'a.key')}}`,
});
const shownBy = (socket: TLSSocket) => socket.getPeerX509Certificate()!.fingerprint256;
const fingerprint = ({ cert }: Pair) => new X509Certificate(cert).fingerprint256;
const lines = (t: TestContext) => {
  const said: string[] = [];
  const { write: before } = process.stderr;
  process.stderr.write = (text: string | Uint8Array) => (said.push(String(text)), true);
  t.after(() => (process.stderr.write = before));
  return {
    said,
    async hear(pattern: RegExp) {
      while (!said.some((line) => pattern.test(line)))
        await new Promise((resolve) => setTimeout(resolve, 20));
    },
  };
};
/** An upstream that begins its answers, and ends them when told to. */
async function holdingUpstream(t: TestContext) {
  const held: ServerResponse[] = [];
  const server = createServer((_, response) => {
    response.write('begun ');
    held.push(response);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, endAll: () => held.forEach((response) => response.end('ended')) };
}
const heldRoute = (url: string) => [
  { name: 'held', match: { path: '/**' }, to: { http: url }, policies: [] },
];

describe('several listeners', () => {
  let gateway: TestGateway;
  before(async () => {
    const listen = [{ port: 0 }, { port: 0, host: '::', maxConnections: 2 }, { port: 0, host: '::1' }];
    gateway = await startTestGateway({ config: { listen }, threads: 2 });
  });
  after(() => gateway.stop());

  test('all serve, on every thread, over IPv4 and IPv6', async () => {
    const [one, two, three] = gateway.running.ports as [number, number, number];
    const urls = [
      `http://127.0.0.1:${one}`,
      `http://127.0.0.1:${two}`,
      `http://[::1]:${two}`,
      `http://[::1]:${three}`,
    ];
    for (const url of urls)
      for (let i = 0; i < 5; i++) {
        const answer = await fetch(`${url}/open/echo/x`, { headers: { connection: 'close' } });
        assert.equal(answer.status, 200, url);
        await answer.arrayBuffer();
      }
    const { listen } = (await (await gateway.admin('/v1/status')).json()) as { listen: string };
    assert.equal(listen, `127.0.0.1:${one}, [::]:${two}, [::1]:${three}`);
  });

  test('a bound on connections holds over all threads', async () => {
    const port = gateway.running.ports[1]!;
    const gauge = async () => {
      const text = await (await gateway.admin('/metrics')).text();
      return /sluice_client_connections\{listener="\[::\]:0"\} (\d+)/.exec(text)?.[1];
    };
    while ((await gauge()) !== '0') await new Promise((resolve) => setTimeout(resolve, 20));
    const sockets = Array.from({ length: 12 }, () => connect(port, '127.0.0.1').on('error', () => {}));
    const closed = sockets.map((socket) => rest(socket).then(() => socket));
    for (let left = 10; left > 0; left--) {
      const socket = await Promise.race(closed);
      closed.splice(sockets.indexOf(socket), 1);
      sockets.splice(sockets.indexOf(socket), 1);
    }
    assert.equal(await gauge(), '2');
    const [open] = sockets as [(typeof sockets)[number]];
    open.write(get('x'));
    await Promise.race(closed);
    for (const socket of sockets) socket.destroy();
  });
});

describe('a start', () => {
  test('says which of its addresses is taken', async (t) => {
    const taken = createPlainServer();
    await once(taken.listen(0, '127.0.0.1'), 'listening');
    t.after(() => taken.close());
    const { port } = taken.address() as AddressInfo;
    const simulator = await startSimulator({ port: 0 });
    t.after(() => simulator.close());
    await assert.rejects(
      startTestGateway({ simulator, config: { listen: [{ port: 0 }, { port }] }, threads: 2 }),
      new RegExp(`already listens on 127\\.0\\.0\\.1:${port}`),
    );
  });
});

describe('a reload', () => {
  test('shows renewed certificates to whoever comes then, and no connection is lost', async (t) => {
    const folder = emptyFolder(t);
    const first = issue();
    write(folder, first);
    const upstream = await holdingUpstream(t);
    const { hear } = lines(t);
    const gateway = await startTestGateway({
      config: {
        listen: { port: 0, tls: { certificates: [certificateIn(folder)] } },
        routes: heldRoute(upstream.url),
      },
      threads: 2,
    });
    t.after(() => gateway.stop());
    const stream = await secured(gateway.port, { servername: 'a.test' });
    const answer = rest(stream);
    stream.write(get('a.test'));
    await once(stream, 'data');
    const seen = new Set<string>();
    let failed = 0;
    let going = true;
    const load = (async () => {
      while (going)
        await secured(gateway.port, { servername: 'a.test' }).then(
          (socket) => (seen.add(shownBy(socket)), void socket.destroy()),
          () => failed++,
        );
    })();
    const rounds = [issue(), issue()];
    for (const [i, pair] of rounds.entries()) {
      write(folder, pair);
      await hear(new RegExp(`configuration .* in force`));
      while (![...seen].includes(fingerprint(pair))) await new Promise((resolve) => setTimeout(resolve, 20));
      assert.ok(seen.size >= i + 2);
    }
    going = false;
    await load;
    assert.equal(failed, 0);
    assert.deepEqual([...seen].sort(), [first, ...rounds].map(fingerprint).sort());
    upstream.endAll();
    assert.match(await answer, /begun [\s\S]*ended/);
  });

  test('refuses a key that is not the certificate’s, and serves on', async (t) => {
    const folder = emptyFolder(t);
    const first = issue();
    write(folder, first);
    const { hear } = lines(t);
    const gateway = await startTestGateway({
      config: { listen: { port: 0, tls: { certificates: [certificateIn(folder)] } } },
    });
    t.after(() => gateway.stop());
    writeFileSync(join(folder, 'a.key'), issue().key);
    await hear(
      /listen\.tls\.certificates\[0\]\.key: is not the key of the certificate beside it \(CN=a\.test\)/,
    );
    const socket = await secured(gateway.port, { servername: 'a.test' });
    assert.equal(shownBy(socket), fingerprint(first));
    socket.destroy();
  });

  test('leaves listeners as they are, and says what waits for a restart; trust follows', async (t) => {
    const { hear } = lines(t);
    const gateway = await startTestGateway({ config: { listen: [{ port: 0 }] } });
    t.after(() => gateway.stop());
    const free = createPlainServer();
    await once(free.listen(0, '127.0.0.1'), 'listening');
    const { port } = free.address() as AddressInfo;
    await new Promise((resolve) => free.close(resolve));
    const open = connect(gateway.port, '127.0.0.1');
    await once(open, 'connect');
    gateway.rewrite(
      standardConfig(gateway.simulator.url, {
        listen: [{ port: 0, trustedProxies: ['127.0.0.0/8'] }, { port }],
      }),
    );
    await hear(/in force \(after a restart: listen\)/);
    await assert.rejects(once(connect(port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' });
    const told = async () => {
      await (
        await fetch(`${gateway.url}/open/echo/x`, {
          headers: { 'x-forwarded-for': '192.0.2.1', connection: 'close' },
        })
      ).text();
      return gateway.simulator.calls().at(-1)!.requestHeaders!['x-forwarded-for'];
    };
    assert.equal(await told(), '192.0.2.1, 127.0.0.1');
    const answer = rest(open);
    open.write(get('x'));
    assert.match(await answer, /^HTTP\/1\.1 404 /);
  });
});

test('a WebSocket under TLS, of the usual library', async (t) => {
  const folder = emptyFolder(t);
  write(folder, issue());
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  server.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })));
  const http = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const gateway = await startTestGateway({
    config: {
      listen: { port: 0, tls: { certificates: [certificateIn(folder)] } },
      routes: [{ name: 'live', match: { path: '/live/**' }, to: { http }, policies: [] }],
    },
  });
  t.after(async () => {
    for (const socket of server.clients) socket.terminate();
    server.close();
    await gateway.stop();
  });
  const to = { ca: authority.ca, servername: 'a.test', headers: { host: 'a.test' } };
  const client = new WebSocket(`wss://127.0.0.1:${gateway.port}/live/room`, to);
  await once(client, 'open');
  for (const bytes of [1, 65_536, 3_000_000]) {
    const sent = randomBytes(bytes);
    client.send(sent);
    const [received] = (await once(client, 'message')) as [Buffer];
    assert.ok(received.equals(sent), `${bytes} bytes`);
  }
  client.close(1000);
  assert.equal((await once(client, 'close'))[0], 1000);
});

describe('SIGTERM', () => {
  test('lets streams under TLS finish, and cuts handshakes that stand still', async (t) => {
    const folder = emptyFolder(t);
    write(folder, issue());
    const upstream = await holdingUpstream(t);
    const { admin: _, ...config } = standardConfig('http://127.0.0.1:9', { routes: heldRoute(upstream.url) });
    const listen = { port: 0, tls: { certificates: [certificateIn(folder)], handshakeTimeout: '60s' } };
    writeFileSync(join(folder, 'sluice.yaml'), stringify({ ...config, listen, drain: { grace: '60s' } }));
    const command = await startCommand(t, {
      cwd: folder,
      args: ['--config', 'sluice.yaml', '--state', 'state'],
    });
    assert.match(command.url, /^https:\/\/127\.0\.0\.1:\d+$/);
    const port = Number(new URL(command.url).port);
    const stream = await secured(port, { servername: 'a.test' });
    const answer = rest(stream);
    stream.write(get('a.test'));
    await once(stream, 'data');
    const stuck = connect(port, '127.0.0.1');
    await once(stuck, 'connect');
    const stopped = command.stop();
    assert.equal(await rest(stuck), '');
    upstream.endAll();
    assert.match(await answer, /begun [\s\S]*ended/);
    assert.equal(await stopped, 0);
  });
});
