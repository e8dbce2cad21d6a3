import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startSimulator, type Simulator } from '../../simulator/server.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { startPostgres, type TestPostgres } from '../harness/postgres.ts';

let postgres: TestPostgres;
let simulator: Simulator;
const nodes: TestGateway[] = [];

before(async () => {
  postgres = await startPostgres();
  simulator = await startSimulator({ port: 0 });
  const config = {
    storage: { postgres: { url: await postgres.createDatabase() } },
    providers: { r: { dialect: 'openai-responses', baseUrl: `${simulator.url}/v1`, apiKey: 'sk-upstream' } },
    prices: { 'r/*': { input: '2', output: '8' } },
  };
  for (let n = 0; n < 2; n++) nodes.push(await startTestGateway({ simulator, config }));
});
after(async () => {
  for (const node of nodes) await node.stop();
  await simulator.close();
  await postgres.stop();
});

const json = { 'content-type': 'application/json' };
const by = (key: string) => ({ ...json, authorization: `Bearer ${key}` });

async function until<T>(ask: () => Promise<T | null>): Promise<T> {
  for (const end = Date.now() + 30_000; ;) {
    const answer = await ask();
    if (answer !== null) return answer;
    assert.ok(Date.now() < end, 'not within half a minute');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('any node serves what another had made, knows its keys, and has its receipts', async () => {
  const [one, two] = nodes as [TestGateway, TestGateway];
  const body = JSON.stringify({ model: 'r/gpt-sim', input: 'hello' });
  const made = await fetch(`${one.url}/v1/responses`, { method: 'POST', headers: by(testKey), body });
  assert.equal(made.status, 200);
  const { id } = (await made.json()) as { id: string };
  const read = await fetch(`${two.url}/v1/responses/${id}`, { headers: by(testKey) });
  assert.equal(((await read.json()) as { id: string }).id, id);

  const wish = JSON.stringify({ name: 'ci', project: 'web' });
  const created = await one.admin('/v1/keys', { method: 'POST', headers: json, body: wish });
  const { secret, key } = (await created.json()) as { secret: string; key: { id: string } };
  const models = () => fetch(`${two.url}/v1/models`, { headers: by(secret) });
  await until(async () => ((await models()).status === 200 ? true : null));
  assert.equal((await two.admin('/v1/keys', { method: 'POST', headers: json, body: wish })).status, 409);
  await two.admin(`/v1/keys/${key.id}`, { method: 'DELETE' });
  assert.equal((await models()).status, 401);
  await until(async () => {
    const answer = await fetch(`${one.url}/v1/models`, { headers: by(secret) });
    return answer.status === 401 ? true : null;
  });

  const exchange = made.headers.get('x-sluice-exchange')!;
  const receipt = await until(async () => {
    const answer = await two.admin(`/v1/receipts/${exchange}`);
    return answer.ok ? ((await answer.json()) as { subjects: { project: string } }) : null;
  });
  assert.equal(receipt.subjects.project, 'web');
});
