import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { buildPrograms, type Programs } from './build.ts';
import { checkAnswers, collectAnswers } from './check-answers.ts';
import { Children } from './children.ts';
import { renderLoadArguments, startLoad, type LoadReport, type LoadRequest } from './load.ts';

const children = new Children();
let programs: Programs;
let upstreamPort: number;

before(async () => {
  programs = buildPrograms(import.meta.dirname);
  const upstream = children.start([programs.upstream], { core: 0 });
  const [line] = (await once(upstream.stdout, 'data')) as [Buffer];
  upstreamPort = Number(line.toString());
});
after(() => children.endAll());

const load = (request: Omit<LoadRequest, 'port'>, port = upstreamPort): Promise<LoadReport> =>
  startLoad(children, [programs.load, ...renderLoadArguments({ ...request, port }).args], { core: 0 }).report;

/** Serves one test with an upstream that is wrong in some way. */
async function withServer(answer: RequestListener, use: (port: number) => Promise<void>): Promise<void> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await use((server.address() as AddressInfo).port);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('the upstream gives each of its answers', async () => {
  const answers = await collectAnswers(upstreamPort);
  checkAnswers('upstream', { expected: answers, actual: answers });
});

test('the closed loop counts whole answers, and every event of a stream', async () => {
  const json = await load({ mode: 'closed', model: 'bench-json', connections: 4, seconds: 0.3, warmup: 0.1 });
  assert.equal(json.failed, 0);
  assert.ok(json.answered > 0);
  assert.equal(json.whole.count, json.answered);
  const burst = await load({
    mode: 'closed',
    model: 'bench-burst',
    stream: true,
    events: 201,
    connections: 4,
    seconds: 0.3,
    warmup: 0.1,
  });
  assert.ok(burst.answered > 0);
});

test('the open loop sends at its rate, long prompts and many keys too', async () => {
  const request = { mode: 'open', model: 'bench-json', rate: 100, seconds: 1, warmup: 0.1 } as const;
  const report = await load({ ...request, promptBytes: 100_000, bearer: 'sk-bench-', keys: 1000 });
  assert.ok(Math.abs(report.answered - 100) <= 1, `${report.answered} answers`);
  assert.ok(report.whole.p50Us <= report.whole.p99Us && report.whole.p99Us <= report.whole.maxUs);
});

test('tools are sent whole, as JSON', async () => {
  let body = '';
  await withServer(
    (request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      request.on('end', () => {
        body = text;
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    },
    async (port) => {
      const request = { mode: 'open', model: 'bench-json', rate: 20, seconds: 0.3, warmup: 0.1 } as const;
      const { requestBytes } = await load({ ...request, tools: 1000 }, port);
      assert.ok(requestBytes > body.length && requestBytes < body.length + 300);
    },
  );
  const { tools } = JSON.parse(body) as { tools: { function: { name: string } }[] };
  assert.equal(new Set(tools.map((tool) => tool.function.name)).size, 1000);
  const report = await load({
    mode: 'open',
    model: 'bench-json',
    tools: 1000,
    rate: 20,
    seconds: 0.3,
    warmup: 0.1,
  });
  assert.ok(report.answered > 0);
});

test('paced streams lose nothing, and stamps are read', async () => {
  const report = await load({
    mode: 'paced',
    model: 'bench-paced',
    stream: true,
    streams: 50,
    chunks: 20,
    events: 24,
    rampMs: 200,
    warmup: 0,
  });
  assert.equal(report.failed, 0);
  assert.ok(report.delay.count > 0);
});

test('a status other than 200 voids the run', async () => {
  const refused = load({ mode: 'closed', model: 'bench-unknown', connections: 1, seconds: 0.2 });
  await assert.rejects(refused, /failed, the first: status: 404/);
});

test('a stream that loses its end, or an event, voids the run', async () => {
  const stream = {
    mode: 'closed',
    model: 'm',
    stream: true,
    events: 3,
    connections: 1,
    seconds: 0.2,
    warmup: 0,
  } as const;
  const send =
    (text: string): RequestListener =>
    (request, response) => {
      request.resume();
      response.end(text);
    };
  const whole = 'data: {}\n\ndata: {}\n\ndata: [DONE]\n\n';
  await withServer(send(whole), async (port) => assert.ok((await load(stream, port)).answered > 0));
  await withServer(send(whole.replace('data: {}\n\n', '')), async (port) => {
    await assert.rejects(load(stream, port), /wrong number of events: 2 events/);
  });
  await withServer(send('data: {}\n\ndata: {}\n\ndata: {}\n\n'), async (port) => {
    await assert.rejects(load(stream, port), /stream without its end/);
  });
});

test('an upstream that breaks off voids the run', async () => {
  const breakOff: RequestListener = (_, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('half');
    setImmediate(() => response.destroy());
  };
  await withServer(breakOff, async (port) => {
    await assert.rejects(
      load({ mode: 'closed', model: 'm', connections: 1, seconds: 0.2 }, port),
      /requests failed/,
    );
  });
});
