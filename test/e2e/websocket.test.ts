import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readLedger } from '../../src/ledger/store/offline.ts';
import { standardConfig, startTestGateway, testKey } from '../harness/gateway.ts';

type Library = typeof import('../clients/node_modules/@types/ws/index.d.mts');
/** The library's types are a package of their own, so that its path says nothing about them. */
const { WebSocket, WebSocketServer } = createRequire(new URL('../clients/package.json', import.meta.url))(
  'ws',
) as Library;
type WebSocket = InstanceType<Library['WebSocket']>;

const limits = { timeout: 30_000 };
const headers = { authorization: `Bearer ${testKey}` };

/** A WebSocket server of the usual library, which sends back what it gets, behind a gateway. */
async function begin(t: TestContext) {
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    handleProtocols: (offered: Set<string>) => (offered.has('chat.v2') ? 'chat.v2' : false),
  });
  await once(server, 'listening');
  server.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })));
  const http = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const gateway = await startTestGateway({
    config: { routes: [{ name: 'live', match: { path: '/live/**' }, to: { http } }] },
  });
  t.after(async () => {
    for (const socket of server.clients) socket.terminate();
    server.close();
    await gateway.stop();
  });
  return { server, gateway, url: `ws://127.0.0.1:${gateway.port}/live/room` };
}

test(
  'messages of every size pass both ways, byte for byte, with the protocol agreed on',
  limits,
  async (t) => {
    const { url } = await begin(t);
    const client = new WebSocket(url, ['chat.v1', 'chat.v2'], { headers });
    await once(client, 'open');
    assert.equal(client.protocol, 'chat.v2');
    // Both sides of each form of a frame's length (RFC 6455 §5.2), and more than buffers hold.
    for (const bytes of [0, 1, 125, 126, 65_535, 65_536, 5_000_000]) {
      const sent = randomBytes(bytes);
      client.send(sent);
      const [received, binary] = (await once(client, 'message')) as [Buffer, boolean];
      assert.equal(binary, true);
      assert.equal(digest(received), digest(sent), `${bytes} bytes`);
    }
    client.send('grüße 🌊');
    const [text, binary] = (await once(client, 'message')) as [Buffer, boolean];
    assert.deepEqual([text.toString(), binary], ['grüße 🌊', false]);
    client.ping('still there?');
    assert.equal(String((await once(client, 'pong'))[0]), 'still there?');
    client.close(4001, 'enough');
    assert.deepEqual((await once(client, 'close')).map(String), ['4001', 'enough']);
  },
);

test(
  'the code with which the upstream closes reaches the client; its end, the other end',
  limits,
  async (t) => {
    const { server, url } = await begin(t);
    const client = new WebSocket(url, { headers });
    const [[upstream]] = (await Promise.all([once(server, 'connection'), once(client, 'open')])) as [
      [WebSocket],
      unknown[],
    ];
    const closed = once(client, 'close');
    upstream.close(4002, 'restarting');
    assert.deepEqual((await closed).map(String), ['4002', 'restarting']);

    const second = new WebSocket(url, { headers });
    const [[other]] = (await Promise.all([once(server, 'connection'), once(second, 'open')])) as [
      [WebSocket],
      unknown[],
    ];
    const gone = once(other, 'close');
    second.terminate();
    assert.equal((await gone)[0], 1006);
  },
);

test('without a key there is none, and each that was has one receipt', limits, async (t) => {
  const { url, gateway, server } = await begin(t);
  const refused = new WebSocket(url);
  const [, answer] = (await once(refused, 'unexpected-response')) as [
    unknown,
    { statusCode: number; resume(): void },
  ];
  answer.resume();
  assert.equal(answer.statusCode, 401);
  assert.equal(server.clients.size, 0);
  for (let i = 0; i < 3; i++) {
    const client = new WebSocket(url, { headers });
    await once(client, 'open');
    client.close();
    await once(client, 'close');
  }
  // The ledger takes receipts in soon, not at once.
  const completed = async () => {
    const { usage } = (await (await gateway.admin('/v1/usage?by=outcome')).json()) as {
      usage: { outcome: string; requests: number }[];
    };
    return usage.find(({ outcome }) => outcome === 'completed')?.requests ?? 0;
  };
  await until(async () => (await completed()) === 3);
});

test(
  'a reload leaves open WebSockets alone; shutting down closes them with 1001, all on the books',
  limits,
  async (t) => {
    const { url, gateway, server } = await begin(t);
    const open = async (): Promise<WebSocket> => {
      const client = new WebSocket(url, { headers });
      await once(client, 'open');
      return client;
    };
    const clients = await Promise.all(Array.from({ length: 20 }, open));
    const { http } = { http: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
    gateway.rewrite(
      standardConfig(gateway.simulator.url, {
        routes: [
          { name: 'anew', match: { path: '/live/**' }, to: { http, websocket: { maxMessage: '10B' } } },
        ],
      }),
    );
    // New ones are under the new rules; those that were open keep theirs, and all of them work.
    const isBounded = async () => {
      const probe = await open();
      probe.send('more than ten bytes');
      const code = await Promise.race([
        once(probe, 'close').then(([closed]) => closed as number),
        once(probe, 'message').then(() => 0),
      ]);
      probe.terminate();
      return code === 1009;
    };
    await until(isBounded);
    await Promise.all(
      clients.map(async (client, i) => {
        client.send(`message ${i} of those before`);
        assert.equal(String((await once(client, 'message'))[0]), `message ${i} of those before`);
      }),
    );
    const upstreamCodes = [...server.clients]
      .filter((socket) => socket.readyState === WebSocket.OPEN)
      .map((socket) => once(socket, 'close').then(([code]) => code as number));
    const codes = clients.map((client) => once(client, 'close').then(([code]) => code as number));
    await gateway.running.stop();
    assert.deepEqual(await Promise.all(codes), Array<number>(20).fill(1001));
    assert.ok((await Promise.all(upstreamCodes)).filter((code) => code === 1001).length >= 20);
    const reader = readLedger(join(gateway.stateDirectory, 'ledger.db'));
    const receipts = [...reader.export({})];
    reader.close();
    assert.equal(
      receipts.filter(({ route, outcome }) => route === 'live' && outcome === 'completed').length >= 20,
      true,
    );
  },
);

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
