import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { startJsonUpstream, type JsonUpstream } from '../harness/json-upstream.ts';
import { startRedis, type TestRedis } from '../harness/redis.ts';

let redis: TestRedis;
let upstream: JsonUpstream;
const nodes: TestGateway[] = [];
before(async () => {
  redis = await startRedis({ keep: true });
  upstream = await startJsonUpstream((response, { n }) => {
    setTimeout(
      () => response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ n })),
      500,
    );
  });
  const config = {
    storage: { redis: { url: redis.url, timeout: '20s' } },
    routes: [
      {
        name: 'api',
        match: { path: '/**' },
        to: { http: upstream.url },
        policies: [{ 'key-auth': {} }, { idempotency: { wait: '1min' } }],
      },
    ],
  };
  for (let i = 0; i < 3; i++)
    nodes.push(await startTestGateway({ config, env: { SLUICE_ANSWERS_SECRET: 'ab'.repeat(32) } }));
});
after(async () => {
  for (const node of nodes) await node.stop();
  await upstream.close();
  await redis.stop();
});

const post = async (node: TestGateway, key: string) => {
  const answer = await fetch(`${node.url}/orders`, {
    method: 'POST',
    body: '{}',
    headers: { authorization: `Bearer ${testKey}`, 'idempotency-key': key },
  });
  const replayed = answer.headers.get('idempotency-replayed') === 'true';
  return { status: answer.status, replayed, text: await answer.text() };
};

test('equal calls to three nodes at once: one is made, and all get its answer', async () => {
  const key = randomUUID();
  const answers = await Promise.all(Array.from({ length: 90 }, (_, i) => post(nodes[i % 3]!, key)));
  assert.equal(upstream.count, 1);
  assert.equal(answers.filter(({ replayed }) => !replayed).length, 1);
  assert.deepEqual([...new Set(answers.map(({ status, text }) => `${status} ${text}`))], ['201 {"n":1}']);
});

test('with the store gone a call under a key is not made; one without a key is', async () => {
  const before = upstream.count;
  await redis.kill();
  const refused = await post(nodes[0]!, randomUUID());
  assert.equal(refused.status, 503);
  assert.match(refused.text, /idempotency\/unavailable/);
  assert.equal(upstream.count, before);
  const keyless = await fetch(`${nodes[0]!.url}/orders`, {
    method: 'POST',
    body: '{}',
    headers: { authorization: `Bearer ${testKey}` },
  });
  assert.equal(keyless.status, 201);
  await redis.restart();
  for (const until = Date.now() + 60_000; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
    if ((await post(nodes[0]!, randomUUID())).status === 201) break;
    assert.ok(Date.now() < until, 'it is not used again');
  }
});
