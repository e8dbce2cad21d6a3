import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A server that notes what it is sent, and answers as it is told. */
class Recorder {
  readonly seen: Seen[] = [];
  answer: (response: ServerResponse) => void = (response) => void response.end('real');
  readonly #server: Server;
  url = '';

  constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        this.seen.push({ method: request.method!, url: request.url!, headers: request.headers, body });
        this.answer(response);
      });
    });
  }

  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

let real: Recorder;
let shadow: Recorder;
let gateway: TestGateway;
before(async () => {
  real = await new Recorder().start();
  shadow = await new Recorder().start();
  const route = (name: string, mirror: object) => ({
    name,
    match: { path: `/${name}/**` },
    stripPrefix: `/${name}`,
    to: { upstream: 'real', mirror: { upstream: 'shadow', ...mirror } },
  });
  gateway = await startTestGateway({
    config: {
      upstreams: { real: { targets: [real.url] }, shadow: { targets: [`${shadow.url}/below`] } },
      routes: [
        route('all', { maxBody: '64KiB', maxConcurrent: 4, timeout: '30s' }),
        route('some', { percent: 25 }),
        route('none', { percent: 0 }),
      ],
    },
  });
});
after(async () => {
  await gateway.stop();
  real.stop();
  shadow.stop();
});

const send = (path: string, init: RequestInit = {}) =>
  fetch(gateway.url + path, { ...init, headers: { authorization: `Bearer ${testKey}`, ...init.headers } });

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function counted(result: string): Promise<number> {
  const metrics = await (await gateway.admin('/metrics')).text();
  return Number(
    new RegExp(`^sluice_mirror_total\\{[^}]*result="${result}"\\} (\\d+)`, 'm').exec(metrics)?.[1] ?? 0,
  );
}

test('a copy goes to the other group, with the same body; the client gets the answer of its own upstream', async () => {
  shadow.answer = (response) => void response.writeHead(500).end('shadow');
  const body = 'a'.repeat(30_000);
  const answer = await send('/all/orders?x=1', { method: 'POST', body, headers: { 'x-mine': 'yes' } });
  assert.equal(await answer.text(), 'real');
  await until(() => shadow.seen.length === 1);
  const [copy] = shadow.seen;
  assert.deepEqual([copy!.method, copy!.url, copy!.body], ['POST', '/below/orders?x=1', body]);
  assert.equal(copy!.headers['x-mine'], 'yes');
  assert.equal(copy!.headers['x-sluice-mirror'], 'all');
  assert.equal(copy!.headers['authorization'], undefined, 'the key of the gateway went on');
  assert.equal(real.seen.at(-1)!.headers['x-sluice-mirror'], undefined);
  assert.equal(real.seen.at(-1)!.body, body);
  await until(async () => (await counted('answered')) === 1);
});

test('a body that flows without a length is copied, too; one above the bound is not, and is counted', async () => {
  shadow.seen.length = 0;
  const flowing = (pieces: number) => ({
    method: 'PUT',
    duplex: 'half' as const,
    body: new ReadableStream({
      start(controller) {
        for (let i = 0; i < pieces; i++) controller.enqueue(Buffer.alloc(1024, 98));
        controller.close();
      },
    }),
  });
  await (await send('/all/small', flowing(10))).text();
  await until(() => shadow.seen.length === 1);
  assert.equal(shadow.seen[0]!.body.length, 10 * 1024);
  const before = await counted('body');
  await (await send('/all/large', flowing(100))).text();
  await (await send('/all/large', { method: 'POST', body: 'c'.repeat(70_000) })).text();
  assert.equal(real.seen.at(-1)!.body.length, 70_000);
  await until(async () => (await counted('body')) === before + 2);
  assert.equal(shadow.seen.length, 1);
});

test('a group that hangs holds nobody up, and gets no more copies than it may have', async () => {
  shadow.seen.length = 0;
  const held: ServerResponse[] = [];
  shadow.answer = (response) => void held.push(response);
  const before = await counted('busy');
  for (let i = 0; i < 10; i++) assert.equal(await (await send('/all/x')).text(), 'real');
  await until(() => held.length === 4);
  assert.equal(await counted('busy'), before + 6);
  for (const response of held) response.end();
  shadow.answer = (response) => void response.end();
  await until(async () => {
    const seen = shadow.seen.length;
    await (await send('/all/again')).text();
    return shadow.seen.length > seen;
  });
});

test('a share of the requests is copied, or none', async () => {
  shadow.seen.length = 0;
  for (let i = 0; i < 200; i++) await (await send('/some/x')).text();
  for (let i = 0; i < 20; i++) await (await send('/none/x')).text();
  await until(() => shadow.seen.length >= 20);
  // 200 draws at a quarter: beyond these bounds it is one in a million.
  assert.ok(shadow.seen.length > 20 && shadow.seen.length < 85, String(shadow.seen.length));
  assert.ok(shadow.seen.every(({ url }) => url === '/below/x'));
});

test('explain tells of the copies; an unknown group is refused', async () => {
  const response = await gateway.admin('/v1/explain', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ method: 'GET', url: '/some/x', headers: [], model: null }),
  });
  const { targets } = (await response.json()) as { targets: string[] };
  assert.deepEqual(targets, [real.url, `25 % copied to ${shadow.url}/below`]);
  const check = await gateway.admin('/v1/config/check', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      text: JSON.stringify({
        version: 1,
        routes: [{ name: 'r', match: { path: '/**' }, to: { http: real.url, mirror: { upstream: 'x' } } }],
      }),
    }),
  });
  assert.match(await check.text(), /to\.mirror\.upstream.*unknown upstream/);
});
