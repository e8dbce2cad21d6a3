/** Retries of http routes through a whole gateway: upstreams that break off at each point, and exact receipts. */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import {
  closedUrl,
  okAnswer,
  startRawUpstream,
  type Behaviour,
  type RawUpstream,
} from '../harness/raw-upstream.ts';
import { receiptOf } from '../harness/receipts.ts';

/** Each fails its first request in its own way, and answers the others. */
const failures: Readonly<Record<string, (socket: Socket) => void>> = {
  'a reset before any byte': (socket) => socket.resetAndDestroy(),
  'an end before any byte': (socket) => socket.end(),
  'a break in the status line': (socket) => socket.end('HTTP/1.1 2'),
  'a break in the headers': (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-le'),
  'something that is not HTTP': (socket) => socket.end('SSH-2.0-x\r\n\r\n'),
  'an answer of status 503': (socket) => socket.write('HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\nno'),
  'no answer within the time of one try': () => undefined,
};
const names = Object.keys(failures);
const failFirst =
  (fail: (socket: Socket) => void): Behaviour =>
  (socket, request, n) =>
    n % 2 === 1 ? fail(socket) : void socket.write(okAnswer(`${request.method} ${request.body}`));

const upstreams: RawUpstream[] = [];
const open = async (behave: Behaviour) => {
  const upstream = await startRawUpstream(behave);
  upstreams.push(upstream);
  return upstream;
};

let gateway: TestGateway;
let flaky: RawUpstream[];
let midBody: RawUpstream;
let asks: RawUpstream;
let dead: string;
let broken: RawUpstream;
let good: RawUpstream;
let alive: RawUpstream;
let storm: RawUpstream;

before(async () => {
  flaky = [];
  for (const name of names) flaky.push(await open(failFirst(failures[name]!)));
  midBody = await open((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'));
  asks = await open((socket, { path }, n) => {
    const wait = path.endsWith('/long') ? 60 : 1;
    const again = n % 2 === 1 || /long$|gone$/.test(path);
    socket.write(
      again
        ? `HTTP/1.1 429 Slow\r\nretry-after: ${wait}\r\ncontent-length: 4\r\n\r\nslow`
        : okAnswer('at last'),
    );
  });
  broken = await open((socket) => socket.resetAndDestroy());
  good = await open((socket, { body }) => void socket.write(okAnswer(`good ${body}`)));
  alive = await open((socket, { body }) => void socket.write(okAnswer(`alive ${body.length}`)));
  storm = await open((socket) => void socket.write('HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n'));
  dead = await closedUrl();
  const route = (name: string, http: string | string[], more: object = {}) => ({
    name,
    match: { path: `/${name}/**` },
    policies: [],
    to: { http, ...more },
  });
  const retries = { backoff: { base: 1, max: 2 }, perTryTimeout: '300ms', budget: { minPerSecond: 1000 } };
  gateway = await startTestGateway({
    config: {
      routes: [
        ...flaky.map((upstream, i) => route(`flaky-${i}`, upstream.url, { retries })),
        ...flaky.map((upstream, i) =>
          route(`post-${i}`, upstream.url, { retries: { ...retries, methods: ['GET', 'POST'] } }),
        ),
        ...flaky.map((upstream, i) => route(`plain-${i}`, upstream.url)),
        route('mid-body', midBody.url, { retries }),
        route('asks', asks.url, { retries: { ...retries, on: [429], perTryTimeout: '5s' } }),
        route('one-dead', [dead, alive.url]),
        route('all-dead', [dead]),
        route('broken-first', [broken.url, good.url], { retries }),
        route('small-buffer', [broken.url, good.url], { retries: { ...retries, buffer: '1KiB' } }),
        route('storm', storm.url, {
          retries: { attempts: 5, backoff: { base: 0, max: 0 }, budget: { ratio: 0.2, minPerSecond: 0 } },
        }),
      ],
    },
  });
});
after(async () => {
  await (gateway as TestGateway | undefined)?.stop();
  await Promise.all(upstreams.map((upstream) => upstream.close()));
});

async function ask(path: string, init: RequestInit = {}) {
  const answer = await fetch(`${gateway.url}${path}`, init);
  const text = await answer.text();
  const receipt = await receiptOf(gateway, answer.headers.get('x-sluice-exchange')!);
  return { status: answer.status, text, headers: answer.headers, receipt };
}

describe('an upstream that fails once', () => {
  names.forEach((name, i) => {
    test(`${name}: a GET is made anew, and stands twice on the receipt`, async () => {
      const { requests } = flaky[i]!;
      const from = requests.length;
      const { status, text, headers, receipt } = await ask(`/flaky-${i}/x`);
      assert.deepEqual([status, text], [200, 'GET ']);
      assert.equal(headers.get('x-sluice-attempts'), '2');
      assert.equal(requests.length - from, 2);
      assert.deepEqual([receipt.outcome, receipt.status, receipt.fault], ['completed', 200, null]);
      assert.deepEqual(
        receipt.attempts.map(({ number, status: each }) => [number, each]),
        [
          [1, name.includes('503') ? 503 : 0],
          [2, 200],
        ],
      );
      assert.ok(name.includes('503') || receipt.attempts[0]!.fault?.startsWith('upstream/'));
      assert.equal(receipt.attempts[1]!.fault, null);
    });

    test(`${name}: a PUT is made anew with its body, a POST only where the route says so`, async () => {
      const { requests } = flaky[i]!;
      const put = await ask(`/flaky-${i}/x`, { method: 'PUT', body: 'kept' });
      assert.deepEqual([put.status, put.text], [200, 'PUT kept']);
      const from = requests.length;
      const refused = await ask(`/flaky-${i}/x`, { method: 'POST', body: 'once' });
      assert.equal(refused.receipt.attempts.length, 1);
      assert.ok(refused.status >= 502, String(refused.status));
      assert.equal(requests.length - from, 1);
      const next = await ask(`/post-${i}/x`, { method: 'POST', body: 'x' });
      assert.equal(next.receipt.attempts.length, 1, 'it was the second one’s turn to answer');
      const allowed = await ask(`/post-${i}/x`, { method: 'POST', body: 'twice' });
      assert.deepEqual([allowed.status, allowed.text], [200, 'POST twice']);
      assert.equal(allowed.receipt.attempts.length, 2);
      const unclear = name.startsWith('a reset') || name.startsWith('an end');
      assert.equal(allowed.receipt.attempts[0]!.flags.includes('ambiguous'), unclear);
    });
  });

  test('without retries it is told', async () => {
    const { status, receipt } = await ask('/plain-0/x');
    assert.deepEqual([status, receipt.attempts.length], [502, 1]);
  });
});

test('nothing is made anew once the head was given: the client sees a broken answer, once', async () => {
  await assert.rejects(ask('/mid-body/x'));
  assert.equal(midBody.requests.length, 1);
});

test('Retry-After of the only target is waited for, and passed on when it is too long', async () => {
  const startedMs = performance.now();
  const waited = await ask('/asks/short');
  assert.deepEqual([waited.status, waited.text, waited.receipt.attempts.length], [200, 'at last', 2]);
  assert.ok(performance.now() - startedMs >= 990);
  const passed = await ask('/asks/long');
  assert.deepEqual([passed.status, passed.text, passed.receipt.attempts.length], [429, 'slow', 1]);
  assert.equal(passed.headers.get('retry-after'), '60');
});

test('without any configuration a target that cannot be reached is passed over, whatever the method', async () => {
  for (let i = 0; i < 6; i++) {
    const { status, text, receipt } = await ask('/one-dead/x', { method: 'POST', body: 'payload' });
    assert.deepEqual([status, text], [200, 'alive 7']);
    assert.equal(receipt.attempts.at(-1)!.status, 200);
  }
  const none = await ask('/all-dead/x');
  assert.deepEqual([none.status, none.receipt.attempts.length], [502, 1]);
  assert.equal(none.receipt.fault, 'upstream/connect');
});

test('a retry goes to another target where there is one', async () => {
  for (let i = 0; i < 6; i++) {
    const { status, text, receipt } = await ask('/broken-first/x');
    assert.deepEqual([status, text], [200, 'good ']);
    assert.equal(new Set(receipt.attempts.map(({ provider }) => provider)).size, receipt.attempts.length);
  }
});

test('a body that is larger than what is kept is not sent again; a smaller one is, chunked as well', async () => {
  const outcomes: [number, number][] = [];
  for (let i = 0; i < 4; i++) {
    const { status, receipt } = await ask('/small-buffer/x', { method: 'PUT', body: 'x'.repeat(5000) });
    outcomes.push([status, receipt.attempts.length]);
  }
  assert.ok(outcomes.some(([status, attempts]) => status === 502 && attempts === 1));
  assert.ok(outcomes.every(([, attempts]) => attempts === 1));
  for (let i = 0; i < 4; i++) {
    const { text } = await ask('/small-buffer/x', { method: 'PUT', body: 'x'.repeat(900) });
    assert.equal(text, `good ${'x'.repeat(900)}`);
  }
  for (let i = 0; i < 4; i++) {
    const stream = new Blob(['streamed']).stream();
    const { text } = await ask('/small-buffer/x', {
      method: 'PUT',
      body: stream,
      duplex: 'half',
    } as RequestInit);
    assert.match(text, /^good 8\r\nstreamed\r\n0/);
  }
});

test('a storm: an upstream that fails everything gets at most its share more than the load', async () => {
  const load = 200;
  const from = storm.requests.length;
  let at = 0;
  const caller = async () => {
    while (at++ < load) {
      const answer = await fetch(`${gateway.url}/storm/x`);
      assert.equal(answer.status, 503, 'the upstream’s own answer');
      await answer.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: 8 }, caller));
  const got = storm.requests.length - from;
  assert.ok(got <= load * 1.2 && got > load, `${got} for ${load}`);
  const metrics = await (await gateway.admin('/metrics')).text();
  assert.match(metrics, /^sluice_retries_total\{reason="5xx"\} [1-9]/m);
});

test('a client that hangs up while it waits for a retry ends it', async () => {
  const from = asks.requests.length;
  const socket = connect(gateway.port, '127.0.0.1');
  const came = new Promise<void>((resolve) => {
    const look = setInterval(() => {
      if (asks.requests.length === from) return;
      clearInterval(look);
      resolve();
    }, 5);
  });
  socket.write('GET /asks/gone HTTP/1.1\r\nhost: x\r\n\r\n');
  await came;
  socket.destroy();
  const id = /^x-sluice-exchange: (\S+)/im.exec(asks.requests[from]!.head)![1]!;
  const receipt = await receiptOf(gateway, id);
  assert.deepEqual([receipt.outcome, receipt.attempts.length], ['client_gone', 1]);
  assert.equal(asks.requests.length, from + 1);
});
