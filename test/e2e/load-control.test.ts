/** What keeps load from doing harm: places at work at once, and refusals of a thread that is behind. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { okAnswer, startRawUpstream, type RawUpstream } from '../harness/raw-upstream.ts';
import { receiptOf } from '../harness/receipts.ts';

let gateway: TestGateway;
let holding: RawUpstream;
let quick: RawUpstream;
const held: Socket[] = [];
const waiters: (() => void)[] = [];

before(async () => {
  holding = await startRawUpstream((socket) => {
    held.push(socket);
    for (const wake of waiters.splice(0)) wake();
  });
  quick = await startRawUpstream((socket) => void socket.write(okAnswer('quick')));
  const route = (name: string, to: string, more: object = {}) => ({
    name,
    match: { path: `/${name}/**` },
    policies: [],
    to: { http: to },
    ...more,
  });
  gateway = await startTestGateway({
    threads: 2,
    config: {
      shedding: { lag: '10ms' },
      routes: [
        route('held', holding.url, {
          priority: 9,
          policies: [{ 'key-auth': {} }, { 'concurrency-limit': { by: 'key', max: 5 } }],
        }),
        route('low', quick.url, { priority: 1 }),
        route('high', quick.url, { priority: 9 }),
        { name: 'llm', match: { path: '/v1/**' }, to: { llm: {} }, priority: 9 },
      ],
    },
  });
});
after(async () => {
  await (gateway as TestGateway | undefined)?.stop();
  await Promise.all([holding, quick].map((upstream) => upstream.close()));
});

const authorization = `Bearer ${testKey}`;
const arrivals = async (count: number) => {
  while (held.length < count) await new Promise<void>((resolve) => waiters.push(resolve));
};

test('of many callers at once, over two threads, exactly so many are let through; places come back', async () => {
  for (let round = 0; round < 3; round++) {
    held.length = 0;
    let refused = 0;
    const gone = new AbortController();
    const signal = gone.signal;
    const headers = { authorization, connection: 'close' };
    const calls = Array.from({ length: 40 }, async () => {
      const answer = await fetch(`${gateway.url}/held/x`, { method: 'POST', headers, signal }).catch(
        () => null,
      );
      if (!answer) return 0;
      if (answer.status === 429) {
        assert.equal(answer.headers.get('retry-after'), '1');
        refused++;
        if (refused === 35) allRefused();
      }
      await answer.text().catch(() => '');
      return answer.status;
    });
    let allRefused!: () => void;
    const refusals = new Promise<void>((resolve) => (allRefused = resolve));
    await Promise.all([arrivals(5), refusals]);
    assert.equal(held.length, 5);
    const [cut, ...others] = held.splice(0);
    // One ends by the upstream's fault, one by the client's, the rest as they should.
    cut!.resetAndDestroy();
    for (const socket of others.slice(0, 2)) socket.write(okAnswer('done'));
    await settledOnes(calls, 38);
    gone.abort();
    await Promise.all(calls);
    // A place is free again once its exchange is settled, which a client that hung up does not see.
    const ids = holding.requests.splice(0).map(({ head }) => /^x-sluice-exchange: (\S+)/im.exec(head)![1]!);
    assert.equal(ids.length, 5);
    await Promise.all(ids.map((id) => receiptOf(gateway, id)));
  }
});

/** Resolves when so many of the calls are over. */
function settledOnes(calls: readonly Promise<unknown>[], count: number): Promise<true> {
  return new Promise((resolve) => {
    let over = 0;
    for (const call of calls) void call.then(() => ++over === count && resolve(true));
  });
}

test('a thread that is behind refuses what is of low priority, with Retry-After; health is served', async () => {
  // Each such call keeps its thread busy for long: hundreds of thousands of small values are looked through.
  const json = JSON.stringify({
    model: 'o/gpt-sim',
    messages: Array.from({ length: 60_000 }, () => ({
      role: 'user',
      content: [{ type: 'text', text: 'x' }],
    })),
  });
  const headers = { authorization, 'content-type': 'application/json' };
  let stop = false;
  const load = Array.from({ length: 4 }, async () => {
    while (!stop) {
      const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        body: json,
        headers,
      });
      await answer.text();
    }
  });
  let refusal: Response | null = null;
  let high = 0;
  const until = Date.now() + 30_000;
  while (!refusal && Date.now() < until) {
    const [low, other] = await Promise.all([fetch(`${gateway.url}/low/x`), fetch(`${gateway.url}/high/x`)]);
    if (low.status === 503) refusal = low;
    if (other.status === 200) high++;
    await Promise.all([refusal === low ? null : low.text(), other.text()]);
  }
  const health = await gateway.admin('/healthz');
  stop = true;
  await Promise.all(load);
  assert.ok(refusal, 'nothing was refused');
  assert.equal(refusal.headers.get('retry-after'), '1');
  assert.equal(((await refusal.json()) as { code: string }).code, 'gateway/overloaded');
  const receipt = await receiptOf(gateway, refusal.headers.get('x-sluice-exchange')!);
  assert.deepEqual([receipt.outcome, receipt.attempts.length], ['refused', 0]);
  assert.ok(high > 0);
  assert.ok(health.status < 300, String(health.status));
});
