import assert from 'node:assert/strict';
import { test } from 'node:test';
import { standardConfig, startTestGateway, testKey } from '../harness/gateway.ts';
import { startGateway } from '../../src/main.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('a valid change swaps in under load without a failed call, an invalid one is refused', async () => {
  const gateway = await startTestGateway({ threads: 2 });
  const version = async () =>
    ((await (await gateway.admin('/v1/config')).json()) as { version: number }).version;
  const until = async (wanted: number) => {
    for (const end = Date.now() + 10_000; (await version()) !== wanted; await pause(20))
      assert.ok(Date.now() < end, `version ${wanted} did not come`);
  };
  let running = true;
  const failures: string[] = [];
  let calls = 0;
  const callers = Array.from({ length: 6 }, async (_, i) => {
    while (running) {
      const body = JSON.stringify({
        model: 'o/gpt-sim',
        stream: i % 2 === 0,
        messages: [{ role: 'user', content: 'simulate:{"tokens":5,"paceMs":2}' }],
      });
      const headers = { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' };
      try {
        const answer = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', body, headers });
        const text = await answer.text();
        if (!answer.ok || (i % 2 === 0 && !text.includes('[DONE]')))
          failures.push(`${answer.status} ${text.slice(0, 200)}`);
      } catch (error) {
        failures.push(String(error));
      }
      calls++;
    }
  });
  try {
    const before = await version();
    for (let i = 1; i <= 3; i++) {
      const document = standardConfig(gateway.simulator.url);
      const routes = [
        ...(document['routes'] as object[]),
        {
          name: `extra-${i}`,
          match: { path: `/extra-${i}/**` },
          to: { http: gateway.simulator.url },
          policies: [],
        },
      ];
      gateway.rewrite({ ...document, routes, wrong: true });
      await pause(300);
      assert.equal(await version(), before + i - 1, 'an invalid document came into force');
      gateway.rewrite({ ...document, routes });
      await until(before + i);
      assert.equal((await fetch(`${gateway.url}/extra-${i}/x`)).status, 404 /* the simulator's own */);
    }
    assert.equal(
      ((await (await fetch(`${gateway.url}/extra-1/x`)).json()) as { code?: string }).code,
      'route/not-found',
    );
  } finally {
    running = false;
    await Promise.all(callers);
    await gateway.stop();
  }
  assert.deepEqual(failures, []);
  assert.ok(calls > 20);
});

test('a second start on the same state is refused by the name of its holder', async () => {
  const gateway = await startTestGateway();
  try {
    const second = startGateway({
      configPath: gateway.configPath,
      stateDirectory: gateway.stateDirectory,
      port: 0,
      adminPort: 0,
      threads: 1,
      env: {},
    });
    await assert.rejects(second, new RegExp(String(process.pid)));
  } finally {
    await gateway.stop();
  }
});

test('a stream under way ends within the grace when the gateway stops', async () => {
  const gateway = await startTestGateway();
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({
      model: 'o/gpt-sim',
      stream: true,
      messages: [{ role: 'user', content: 'simulate:{"tokens":20,"paceMs":20}' }],
    }),
    headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
  });
  const stopped = gateway.running.stop();
  assert.ok((await answer.text()).includes('[DONE]'));
  await stopped;
  await gateway.simulator.close();
});
