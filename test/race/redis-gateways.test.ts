import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { parse } from 'yaml';
import { startSimulator } from '../../simulator/server.ts';
import { blocksOf } from '../harness/snippets.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { startPostgres } from '../harness/postgres.ts';
import { startRedis, type TestRedis } from '../harness/redis.ts';

const places = 10;
/** As the page has it. */
const [page, , , ruled] = blocksOf('docs/redis.md', 'yaml').map((text) => parse(text) as Page) as Page[];
interface Page {
  readonly storage: { readonly redis: object };
  readonly routes: readonly object[];
}
/** Beside the usual one: routes that go by rules of their own while there is no Redis, `/batch` and `/chat`. */
const routes = [{ name: 'llm', match: { path: '/v1/**' }, to: { llm: {} } }, ...ruled!.routes];

function call(
  url: string,
  agent: Agent,
): Promise<{ status: number; retryAfter: string | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' };
    const sent = request(`${url}/v1/chat/completions`, { method: 'POST', agent, headers }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, retryAfter: answer.headers['retry-after'], body }),
      );
    });
    sent.on('error', reject);
    sent.end(JSON.stringify({ model: 'o/gpt-sim', messages: [{ role: 'user', content: 'hi' }] }));
  });
}

async function withGateways(
  nodes: number,
  redis: TestRedis,
  more: { readonly storage?: object; readonly postgres?: string; readonly requests?: string } = {},
  use: (gateways: readonly TestGateway[], agent: Agent) => Promise<void>,
): Promise<void> {
  const simulator = await startSimulator({ port: 0 });
  const agent = new Agent({ keepAlive: false, maxSockets: 100 });
  const gateways: TestGateway[] = [];
  try {
    for (let n = 0; n < nodes; n++) {
      gateways.push(
        await startTestGateway({
          simulator,
          config: {
            storage: {
              redis: { ...page!.storage.redis, url: redis.url, timeout: '10s', ...more.storage },
              ...(more.postgres ? { postgres: { url: more.postgres } } : {}),
            },
            routes,
            policies: [
              { 'key-auth': {} },
              { 'rate-limit': { by: 'project', requests: more.requests ?? `${places}/h` } },
            ],
          },
        }),
      );
    }
    await use(gateways, agent);
  } finally {
    agent.destroy();
    for (const gateway of gateways) await gateway.stop();
    await simulator.close();
  }
}

test('three gateways with 400 callers each against a limit for ten, over one Redis: ten are admitted', async () => {
  const redis = await startRedis();
  try {
    await withGateways(3, redis, {}, async (gateways, agent) => {
      const answers = await Promise.all(
        gateways.flatMap(({ url }) => Array.from({ length: 400 }, () => call(url, agent))),
      );
      assert.equal(answers.filter(({ status }) => status === 200).length, places);
      const refused = answers.filter(({ status }) => status === 429);
      assert.equal(refused.length, 1200 - places);
      assert.ok(refused.every(({ retryAfter }) => Number(retryAfter) >= 1));
      assert.equal(gateways[0]!.simulator.calls().length, places);
      const metrics = await (await gateways[0]!.admin('/metrics')).text();
      assert.match(metrics, /^sluice_counters_unavailable_threads 0$/m);
      assert.match(metrics, /^sluice_counters_round_trips_total [1-9]/m);
    });
  } finally {
    await redis.stop();
  }
});

test('without Redis limited calls are refused with 503, and the node says that it is not ready', async () => {
  const redis = await startRedis();
  try {
    await withGateways(1, redis, { storage: { timeout: '300ms' } }, async ([gateway], agent) => {
      assert.equal((await call(gateway!.url, agent)).status, 200);
      assert.equal((await gateway!.admin('/readyz')).status, 200);
      await redis.kill();
      let answer = await call(gateway!.url, agent);
      while (answer.status !== 503) answer = await call(gateway!.url, agent);
      assert.equal(answer.retryAfter, '1');
      assert.match(answer.body, /limit\/unavailable/);
      // A route that would rather serve gives out a tenth of ten.
      const leased = [`${gateway!.url}/chat`, `${gateway!.url}/chat`, `${gateway!.url}/batch`];
      for (const [n, status] of [200, 429, 503].entries())
        assert.equal((await call(leased[n]!, agent)).status, status, `${n}`);
      while ((await gateway!.admin('/readyz')).status !== 503) await delay(20);
      const { reasons } = (await (await gateway!.admin('/readyz')).json()) as { reasons: string[] };
      assert.match(reasons.join(), /counters of limits cannot be used/);
      assert.match(
        await (await gateway!.admin('/metrics')).text(),
        /^sluice_counters_unavailable_threads 1$/m,
      );
      // What was used before comes back from the ledger, with the server.
      await redis.restart();
      while ((await gateway!.admin('/readyz')).status !== 200) await delay(20);
      let admitted = 0;
      // Threads find out each by themselves, and so a little later.
      for (let n = 0; n < 20;) {
        const { status } = await call(gateway!.url, agent);
        if (status === 200) admitted++;
        if (status !== 503) n++;
      }
      // The call that was made before counts, and the leased one; perhaps twice, where they ended so lately that the ledger might not
      // have known of them.
      assert.ok(admitted <= places - 2 && admitted >= places - 4, `${admitted} were admitted`);
    });
  } finally {
    await redis.stop();
  }
});

test('without Redis each node gives out its lease, where that is wished for', async () => {
  const redis = await startRedis();
  try {
    const storage = { timeout: '300ms', whenUnavailable: 'lease', lease: 20 };
    await withGateways(2, redis, { storage, requests: '20/h' }, async (gateways, agent) => {
      await redis.kill();
      for (const { url, admin } of gateways) {
        let admitted = 0;
        for (let n = 0; n < 12; n++) if ((await call(url, agent)).status === 200) admitted++;
        assert.equal(admitted, 4, 'a fifth of twenty');
        assert.equal((await call(`${url}/batch`, agent)).status, 503);
        assert.equal((await admin('/readyz')).status, 200);
      }
    });
  } finally {
    await redis.stop();
  }
});

test('a Redis that lost everything is built from the ledger of all nodes', async () => {
  const redis = await startRedis();
  const postgres = await startPostgres();
  try {
    const wish = { postgres: await postgres.createDatabase(), storage: { timeout: '1s' } };
    await withGateways(2, redis, wish, async (gateways, agent) => {
      for (const { url } of gateways) {
        for (let n = 0; n < 3; n++) assert.equal((await call(url, agent)).status, 200);
      }
      // Long enough ago for the ledger to know, so that no node need bring it in as well.
      await delay(6000);
      await redis.restart();
      for (const { admin } of gateways) while ((await admin('/readyz')).status === 200) await delay(20);
      for (const { admin } of gateways) while ((await admin('/readyz')).status !== 200) await delay(20);
      let admitted = 0;
      for (let n = 0; n < 6;) {
        const { status } = await call(gateways[n % 2]!.url, agent);
        if (status === 200) admitted++;
        if (status !== 503) n++;
      }
      assert.equal(admitted, places - 6);
      const built = await Promise.all(
        gateways.map(async ({ admin }) =>
          Number(/^sluice_counters_rebuilds_total (\d+)/m.exec(await (await admin('/metrics')).text())![1]),
        ),
      );
      assert.equal(built[0]! + built[1]!, 2, 'once at the start, once after the loss, whoever did');
    });
  } finally {
    await postgres.stop();
    await redis.stop();
  }
});
