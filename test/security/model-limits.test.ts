import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway({
    config: {
      models: { small: { targets: ['o/gpt-tiny'] } },
      policies: [
        { 'key-auth': {} },
        { 'rate-limit': { by: ['key', 'model'], requests: '3/h' } },
        { 'rate-limit': { by: 'key', model: 'gpt-big*', requests: '1/h' } },
      ],
    },
  });
});
after(() => gateway.stop());

async function statusOf(model: string): Promise<number> {
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'simulate:{"tokens":1}' }] }),
  });
  await answer.text();
  return answer.status;
}

describe('security 37: a limit by model is not evaded by another name for it', () => {
  test('a limit that names models holds for them under their provider’s name, too', async () => {
    assert.equal(await statusOf('gpt-big-1'), 200);
    assert.equal(await statusOf('o/gpt-big-1'), 429);
    assert.equal(await statusOf('gpt-big-2'), 429);
  });

  test('names that callers invent share one count: they fill no table, and get nobody more', async () => {
    const invented = ['gpt-invented-1', 'o/gpt-invented-2', 'o/whatever', 'gpt-invented-4'];
    const statuses = [];
    for (const model of invented) statuses.push(await statusOf(model));
    // One of the three of the hour went to the test before.
    assert.deepEqual(statuses, [200, 200, 429, 429]);
    assert.equal(await statusOf('small'), 200);
  });
});
