/** Counters of many nodes in a Redis Cluster, and behind Sentinels: configured as such, through gateways, over a failover. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { parse } from 'yaml';
import { startSimulator } from '../../simulator/server.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { blocksOf } from '../harness/snippets.ts';
import { startRedisCluster, startRedisSentinel } from '../harness/redis-topologies.ts';

const places = 10;

/** As the page has them. */
const [, clustered, named] = blocksOf('docs/redis.md', 'yaml').map((text) => parse(text) as Page) as Page[];
interface Page {
  readonly storage: { readonly redis: object };
}

interface Wish {
  readonly count: number;
  readonly redis: object;
  readonly env?: Record<string, string>;
}

async function startNodes(context: TestContext, { count, redis, env = {} }: Wish): Promise<TestGateway[]> {
  const simulator = await startSimulator({ port: 0 });
  const gateways: TestGateway[] = [];
  context.after(async () => {
    for (const gateway of gateways) await gateway.stop();
    await simulator.close();
  });
  const policies = [{ 'key-auth': {} }, { 'rate-limit': { by: 'project', requests: `${places}/h` } }];
  const config = { storage: { redis: { ...redis, timeout: '5s' } }, policies };
  for (let n = 0; n < count; n++) gateways.push(await startTestGateway({ simulator, config, env }));
  return gateways;
}

async function call({ url }: TestGateway): Promise<number> {
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'o/gpt-sim', messages: [{ role: 'user', content: 'hi' }] }),
  });
  await answer.text();
  return answer.status;
}

/** Calls, until one is refused for the limit; how many were admitted. */
async function admittedBy(gateway: TestGateway): Promise<number> {
  for (let admitted = 0; ;) {
    const status = await call(gateway);
    if (status === 429) return admitted;
    if (status === 200) admitted++;
    else assert.equal(status, 503);
  }
}

test('two nodes against a limit for ten, over a Cluster of three: ten are admitted; its failover is survived', async (t) => {
  const cluster = await startRedisCluster('{sluice:main}');
  t.after(() => cluster.stop());
  // The first is not there: another is asked.
  const [one, two] = cluster.urls as [string, string];
  const env = { REDIS_URL: 'redis://127.0.0.1:1', REDIS_URL_2: one, REDIS_URL_3: two };
  const gateways = await startNodes(t, { count: 2, redis: clustered!.storage.redis, env });
  const statuses = await Promise.all(gateways.flatMap((one) => Array.from({ length: 40 }, () => call(one))));
  assert.equal(statuses.filter((status) => status === 200).length, places);
  assert.ok(
    statuses.every((status) => status === 200 || status === 429),
    statuses.join(),
  );
  await cluster.failover();
  // Each node has a ledger of its own, so that the one that builds may not know of all.
  let admitted = 0;
  for (const gateway of gateways) admitted += await admittedBy(gateway);
  assert.ok(admitted <= places, `${admitted}`);
});

test('behind Sentinels the primary is found by its name, also when it is another', async (t) => {
  const sentinel = await startRedisSentinel('counters');
  t.after(() => sentinel.stop());
  const redis = { ...named!.storage.redis, sentinels: ['redis://127.0.0.1:1', sentinel.url] };
  const [gateway] = (await startNodes(t, { count: 1, redis })) as [TestGateway];
  for (let n = 0; n < 4; n++) assert.equal(await call(gateway), 200);
  await sentinel.failover();
  const admitted = await admittedBy(gateway);
  // What was settled within the last seconds may count twice.
  assert.ok(admitted <= places - 4 && admitted >= places - 8, `${admitted}`);
});
