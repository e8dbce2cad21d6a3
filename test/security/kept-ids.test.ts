/** 61: what is kept at a provider is reached by whoever had it made. A sweep over every operation that there is. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { dialects } from '#dialects/index.ts';
import { everyDialect } from '../harness/every-dialect.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

let gateway: TestGateway;
before(async () => void (gateway = await startTestGateway(await everyDialect())));
after(async () => {
  await gateway.stop();
  await gateway.simulator.close();
});

const head: Record<string, Record<string, string>> = {
  anthropic: { 'anthropic-version': '2023-06-01' },
  gemini: { 'x-goog-api-key': testKey },
};
const operations = dialects.flatMap(({ family, client }) =>
  client.operations.filter(({ kind }) => kind === 'kept').map((operation) => ({ family, ...operation })),
);
const ask = async (method: string, path: string, family: string) => {
  const answer = await fetch(gateway.url + path, {
    method,
    headers: { authorization: `Bearer ${testKey}`, ...head[family] },
  });
  return { status: answer.status, text: await answer.text() };
};

test('a thing that nobody made is not there, by any operation, and no provider is asked', async () => {
  const named = operations.filter(({ path }) => path.includes('{id}'));
  assert.ok(named.length >= 24, `${named.length} operations`);
  for (const { family, method, path } of named)
    for (const id of ['file-1', 'files%2F1', '..%2Fmodels', 'x?y'])
      for (const prefix of ['', `/${family}`]) {
        const { status, text } = await ask(method, prefix + path.replace('{id}', id), family);
        assert.ok(status === 404 || status === 405, `${method} ${path} ${id}: ${status} ${text}`);
      }
  assert.deepEqual(gateway.simulator.calls(), []);
});

test('lists of what nobody made are empty, and no provider is asked', async () => {
  const lists = operations.filter(({ kept }) => kept!.verb === 'list');
  assert.ok(lists.length >= 8, `${lists.length} lists`);
  for (const { family, method, path } of lists) {
    const { status, text } = await ask(method, path, family);
    assert.equal(status, 200);
    const empty = Object.values(JSON.parse(text) as object).filter((value) => Array.isArray(value));
    assert.deepEqual(empty, [[]], path);
  }
  assert.deepEqual(gateway.simulator.calls(), []);
});

test("a provider's other paths are nobody's", async () => {
  for (const [method, path] of [
    ['POST', '/v1/uploads'],
    ['POST', '/v1/vector_stores'],
    ['POST', '/v1/files/file-1/parts'],
    ['POST', '/v1beta/files:register'],
    ['GET', '/v1beta/cachedContents'],
    ['POST', '/v1beta/models/g/x:asyncBatchEmbedContent'],
    ['GET', '/v1/organizations/usage'],
  ] as const)
    assert.equal((await ask(method, path, 'openai')).status, 404, path);
  assert.deepEqual(gateway.simulator.calls(), []);
});
