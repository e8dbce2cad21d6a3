import assert from 'node:assert/strict';
import { Agent, createServer, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { receiptOf } from '../harness/receipts.ts';
import { startRedis } from '../harness/redis.ts';

const otherKey = 'sk-other-0123456789abcdef';
const urgentKey = 'sk-urgent-0123456789abcdef';

/** What an upstream has seen. */
interface Seen {
  readonly path: string;
  readonly who: string;
}

interface Work {
  readonly url: string;
  readonly seen: readonly Seen[];
  readonly most: number;
  /** Answers are held back until it is called. */
  hold(): () => void;
  reset(): void;
  close(): Promise<void>;
}

async function startWork(): Promise<Work> {
  const seen: Seen[] = [];
  let running = 0;
  let most = 0;
  let held: Promise<void> | null = null;
  const server = createServer((asked, response) => {
    seen.push({ path: asked.url!, who: String(asked.headers['x-who'] ?? '') });
    most = Math.max(most, ++running);
    void Promise.resolve(held).then(() =>
      setTimeout(() => {
        running--;
        response.end('ok');
      }, 10),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    seen,
    get most() {
      return most;
    },
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      return () => {
        held = null;
        resolve();
      };
    },
    reset() {
      seen.length = 0;
      most = 0;
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

let work: Work;
let gateway: TestGateway;
let threaded: TestGateway;
const agent = new Agent({ keepAlive: true, maxSockets: 200 });

before(async () => {
  work = await startWork();
  const route = (name: string, policies: object[], more: object = {}) => ({
    name,
    match: { path: `/${name}/**` },
    to: { http: work.url },
    policies: [{ 'key-auth': {} }, ...policies],
    ...more,
  });
  const config = {
    routes: [
      route('one', [{ 'concurrency-limit': { by: 'route', max: 1 } }, { queue: { wait: '60s', max: 200 } }]),
      route('three', [
        { 'concurrency-limit': { by: 'route', max: 3 } },
        { queue: { wait: '2min', max: 200 } },
      ]),
      route('weighted', [
        { 'concurrency-limit': { by: 'route', max: 1 } },
        { queue: { wait: '60s', weights: { shop: 3 } } },
      ]),
      route('urgent', [
        { 'concurrency-limit': { by: 'route', max: 1 } },
        { queue: { wait: '60s', priorityHeader: 'X-Urgency' } },
      ]),
      route('short', [{ 'concurrency-limit': { by: 'route', max: 1 } }, { queue: { wait: '60s', max: 2 } }]),
      route('rare', [{ 'rate-limit': { by: 'project', requests: '1/h' } }, { queue: { wait: '2s' } }]),
      route('often', [{ 'rate-limit': { by: 'project', requests: '5/s' } }, { queue: { wait: '60s' } }]),
      { ...route('unqueued', [{ 'concurrency-limit': { by: 'route', max: 1 } }]) },
      {
        name: 'llm',
        match: { path: '/v1/**' },
        to: { llm: {} },
        policies: [
          { 'key-auth': {} },
          { 'rate-limit': { by: 'project', tokens: '2000/min' } },
          { queue: { wait: '5s' } },
        ],
      },
    ],
    teams: { red: {} },
    projects: { web: { team: 'red' }, shop: { team: 'red' } },
    keys: {
      tester: { project: 'web', secret: testKey },
      other: { project: 'shop', secret: otherKey },
      urgent: { project: 'web', secret: urgentKey, priority: 8 },
    },
  };
  gateway = await startTestGateway({ config });
  threaded = await startTestGateway({ config, threads: 3 });
});
after(async () => {
  agent.destroy();
  await gateway.stop();
  await threaded.stop();
  await work.close();
});

interface Answered {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

function ask(of: TestGateway, path: string, headers: Record<string, string> = {}, signal?: AbortSignal) {
  return new Promise<Answered>((resolve, reject) => {
    request(
      `${of.url}${path}`,
      { headers: { authorization: `Bearer ${testKey}`, ...headers }, agent, ...(signal ? { signal } : {}) },
      (answer) => {
        text(answer).then(
          (body) => resolve({ status: answer.statusCode!, headers: answer.headers, body }),
          reject,
        );
      },
    )
      .on('error', reject)
      .end();
  });
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const endMs = Date.now() + 60_000; !(await holds()); await pause(20))
    assert.ok(Date.now() < endMs, 'it did not come to that');
}

async function depthOf(of: TestGateway, route: string): Promise<number> {
  const metrics = await (await of.admin('/metrics')).text();
  return Number(new RegExp(`^sluice_queue_depth\\{route="${route}"\\} (\\d+)$`, 'm').exec(metrics)?.[1] ?? 0);
}

/** Holds the only place, lets calls come in the order given, each once the one before waits, and then lets go. */
async function lineUp(route: string, calls: readonly { key: string; who: string; urgency?: string }[]) {
  work.reset();
  const letGo = work.hold();
  const answers = [ask(gateway, `/${route}/first`)];
  await until(() => work.seen.length === 1);
  for (const [i, { key, who, urgency }] of calls.entries()) {
    const headers = {
      authorization: `Bearer ${key}`,
      'x-who': who,
      ...(urgency === undefined ? {} : { 'x-urgency': urgency }),
    };
    answers.push(ask(gateway, `/${route}/${i}`, headers));
    await until(async () => (await depthOf(gateway, route)) === i + 1);
  }
  letGo();
  const all = await Promise.all(answers);
  assert.deepEqual([...new Set(all.map(({ status }) => status))], [200]);
  assert.equal(work.most, 1);
  return work.seen.slice(1).map(({ who }) => who);
}

describe('calls wait for a limit', () => {
  test('and are all answered, at most so many at once, whatever the thread', async () => {
    for (const tried of [gateway, threaded]) {
      work.reset();
      const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => ask(tried, `/three/${i}`)));
      assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
      assert.equal(work.seen.length, 60);
      assert.ok(work.most <= 3, String(work.most));
      const waited = answers.filter(({ headers }) => headers['x-sluice-queued-ms'] !== undefined);
      assert.ok(waited.length > 40, String(waited.length));
      const id = String(waited.at(-1)!.headers['x-sluice-exchange']);
      const receipt = (await receiptOf(tried, id)) as unknown as { queuedMs: number };
      assert.equal(receipt.queuedMs, Number(waited.at(-1)!.headers['x-sluice-queued-ms']));
      assert.equal(await depthOf(tried, 'three'), 0);
    }
    const metrics = await (await gateway.admin('/metrics')).text();
    assert.match(metrics, /^sluice_queue_wait_seconds_count\{route="three",result="admitted"\} \d+$/m);
  });

  test('for one of requests in a time, too', async () => {
    work.reset();
    const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => ask(threaded, `/often/${i}`)));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    assert.ok(answers.some(({ headers }) => Number(headers['x-sluice-queued-ms']) > 0));
  });

  test('one project with many does not keep another from its turn', async () => {
    const many = Array.from({ length: 12 }, () => ({ key: testKey, who: 'many' }));
    const order = await lineUp('one', [
      ...many,
      { key: otherKey, who: 'few' },
      { key: otherKey, who: 'few' },
    ]);
    const places = order.flatMap((who, i) => (who === 'few' ? [i] : []));
    assert.ok(places[0]! <= 2 && places[1]! <= 4, order.join());
  });

  test('shares are by weight', async () => {
    const calls = [1, 2, 3, 4, 5, 6].flatMap(() => [
      { key: testKey, who: 'light' },
      { key: otherKey, who: 'heavy' },
    ]);
    const order = await lineUp('weighted', calls);
    // Three for one, until there is nobody of weight left.
    assert.ok(order.slice(0, 8).filter((who) => who === 'heavy').length >= 5, order.join());
  });

  test('the more important first, as far as the key may say so', async () => {
    const order = await lineUp('urgent', [
      { key: testKey, who: 'usual' },
      { key: testKey, who: 'pretends', urgency: '9' },
      { key: urgentKey, who: 'urgent', urgency: '9' },
      { key: urgentKey, who: 'later', urgency: '1' },
      { key: urgentKey, who: 'nonsense', urgency: '99' },
    ]);
    assert.equal(order[0], 'urgent');
    assert.equal(order.at(-1), 'later');
    assert.deepEqual(order.slice(1, 4).toSorted(), ['nonsense', 'pretends', 'usual']);
  });

  test('who hangs up leaves the line, and nothing is asked for him', async () => {
    work.reset();
    const letGo = work.hold();
    const first = ask(gateway, '/one/first');
    await until(() => work.seen.length === 1);
    const abort = new AbortController();
    const leaving = ask(gateway, '/one/leaving', {}, abort.signal).catch(() => null);
    await until(async () => (await depthOf(gateway, 'one')) === 1);
    const staying = ask(gateway, '/one/staying');
    await until(async () => (await depthOf(gateway, 'one')) === 2);
    abort.abort();
    assert.equal(await leaving, null);
    await until(async () => (await depthOf(gateway, 'one')) === 1);
    letGo();
    assert.deepEqual([(await first).status, (await staying).status], [200, 200]);
    assert.deepEqual(
      work.seen.map(({ path }) => path),
      ['/one/first', '/one/staying'],
    );
  });
});

test('two nodes that count in Redis: calls of both wait, and together no more are at work than may be', async () => {
  const redis = await startRedis();
  const config = {
    storage: { redis: { url: redis.url, timeout: '20s' } },
    routes: [
      {
        name: 'shared',
        match: { path: '/**' },
        to: { http: work.url },
        policies: [
          { 'key-auth': {} },
          { 'concurrency-limit': { by: 'route', max: 2 } },
          { queue: { wait: '2min' } },
        ],
      },
    ],
  };
  const nodes = [await startTestGateway({ config }), await startTestGateway({ config })];
  work.reset();
  const answers = await Promise.all(Array.from({ length: 24 }, (_, i) => ask(nodes[i % 2]!, `/${i}`)));
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  assert.equal(work.seen.length, 24);
  assert.ok(work.most <= 2, String(work.most));
  for (const node of nodes) await node.stop();
  await redis.stop();
});

describe('calls do not wait', () => {
  test('where there is no place in the line', async () => {
    work.reset();
    const letGo = work.hold();
    const first = ask(gateway, '/short/first');
    await until(() => work.seen.length === 1);
    const waiting = [ask(gateway, '/short/1'), ask(gateway, '/short/2')];
    await until(async () => (await depthOf(gateway, 'short')) === 2);
    const refused = await ask(gateway, '/short/3');
    assert.equal(refused.status, 429);
    assert.match(refused.body, /limit\/exceeded/);
    letGo();
    for (const answer of [first, ...waiting]) assert.equal((await answer).status, 200);
  });

  test('for what will not come in time', async () => {
    assert.equal((await ask(gateway, '/rare/1')).status, 200);
    const refused = await ask(gateway, '/rare/2');
    assert.equal(refused.status, 429);
    assert.ok(Number(refused.headers['retry-after']) > 3000);
    assert.equal(refused.headers['x-sluice-queued-ms'], undefined);
  });

  test('for what can never be', async () => {
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'o/gpt-sim',
        messages: [{ role: 'user', content: 'many words '.repeat(2000) }],
      }),
    });
    assert.equal(answer.status, 429);
    assert.equal(answer.headers.get('x-should-retry'), 'false');
    assert.equal(answer.headers.get('x-sluice-queued-ms'), null);
  });

  test('without the policy', async () => {
    work.reset();
    const letGo = work.hold();
    const first = ask(gateway, '/unqueued/1');
    await until(() => work.seen.length === 1);
    assert.equal((await ask(gateway, '/unqueued/2')).status, 429);
    letGo();
    assert.equal((await first).status, 200);
  });
});
