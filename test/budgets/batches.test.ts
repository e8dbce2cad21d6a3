/** A batch is one call with many answers to whatever limits: nobody spends by it what he could not spend call by call. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Anthropic from '../clients/node_modules/@anthropic-ai/sdk/index.mjs';
import OpenAI, { toFile } from '../clients/node_modules/openai/index.mjs';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { settledFor } from '../harness/owed.ts';

const limitedKey = 'sk-limited-0123456789abcdef';

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway({
    config: {
      // A dollar for a million, whichever way.
      prices: { 'a/*': { input: 1, output: 1 }, 'o/*': { input: 1, output: 1 } },
      routes: [
        {
          name: 'budget',
          match: { path: '/budget/**' },
          stripPrefix: '/budget',
          to: { llm: {} },
          policies: [{ 'key-auth': {} }, { budget: { by: 'project', money: '0.02 per month', hard: true } }],
        },
        {
          name: 'rate',
          match: { path: '/**' },
          to: { llm: {} },
          policies: [{ 'key-auth': {} }, { 'rate-limit': { by: 'project', tokens: '10000/h' } }],
        },
      ],
      projects: { web: { team: 'red' }, other: { team: 'red' } },
      keys: {
        tester: { project: 'web', secret: testKey },
        limited: { project: 'other', secret: limitedKey },
      },
    },
  });
});
after(() => gateway.stop());

const request = (max: number) => ({
  custom_id: `c${max}`,
  params: {
    model: 'a/claude-sim',
    max_tokens: max,
    messages: [{ role: 'user' as const, content: 'simulate:{"tokens":5}' }],
  },
});
const made = () =>
  gateway.simulator.calls().filter(({ path, method }) => method === 'POST' && path.endsWith('batches'))
    .length;
const isStatus = (status: number) => (error: unknown) => (error as { status: number }).status === status;

test('a hard budget pays for all that a batch may take, or for nothing', async () => {
  const { batches } = new Anthropic({
    apiKey: testKey,
    baseURL: `${gateway.url}/budget`,
    maxRetries: 0,
  }).messages;
  const create = (...bounds: number[]) => Promise.resolve(batches.create({ requests: bounds.map(request) }));
  const before = made();
  await assert.rejects(create(9_000, 12_000), isStatus(402));
  assert.equal(made(), before);
  const { id } = await create(6_000, 9_000);
  await assert.rejects(create(6_000), isStatus(402));
  assert.equal(made(), before + 1);
  await settledFor(gateway.stateDirectory, id);
  await assert.rejects(create(6_000), isStatus(402), 'it counts as it was expected to');
});

test('windows of tokens count the calls of a file', async () => {
  const client = new OpenAI({ apiKey: limitedKey, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
  const create = async (calls: number) => {
    const body = {
      model: 'gpt-sim',
      max_completion_tokens: 900,
      messages: [{ role: 'user', content: 'hi' }],
    };
    const line = (_: unknown, i: number) =>
      JSON.stringify({ custom_id: `c${i}`, method: 'POST', url: '/v1/chat/completions', body });
    const lines = Array.from({ length: calls }, line).join('\n');
    const { id } = await client.files.create({
      file: await toFile(Buffer.from(lines), 'x.jsonl'),
      purpose: 'batch',
    });
    return client.batches.create({
      input_file_id: id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
    });
  };
  const first = await create(10);
  await assert.rejects(create(10), isStatus(429));
  await settledFor(gateway.stateDirectory, first.id);
  await assert.rejects(create(10), isStatus(429));
});
