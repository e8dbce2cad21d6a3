/** Files kept at providers: uploaded, listed, read and deleted by the project that made them, and by no other. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI, { toFile } from '../clients/node_modules/openai/index.mjs';
import { startSimulator, type Simulator } from '../../simulator/server.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { receiptOf } from '../harness/receipts.ts';

const strangerKey = 'sk-stranger-0123456789abcdef';
const boundKey = 'sk-bound-0123456789abcdef';

let first: Simulator;
let second: Simulator;
let gateway: TestGateway;
before(async () => {
  first = await startSimulator({ port: 0 });
  second = await startSimulator({ port: 0 });
  // Two simulators count alike, and their ids are made of the count; vendors' are their own.
  for (let i = 0; i < 100; i++) await (await fetch(`${second.url}/v1/models`)).arrayBuffer();
  const at = ({ url }: Simulator) => ({
    dialect: 'openai-chat',
    speaks: [{ dialect: 'openai-responses' }],
    baseUrl: `${url}/v1`,
    apiKey: 'sk-upstream',
  });
  gateway = await startTestGateway({
    threads: 2,
    simulator: first,
    config: {
      providers: {
        a: { kind: 'anthropic', baseUrl: first.url, apiKey: 'sk-upstream' },
        o1: at(first),
        o2: at(second),
      },
      prices: {},
      routes: [{ name: 'llm', match: { path: '/v1/**' }, bodyLimit: '1MiB', to: { llm: {} } }],
      projects: { web: { team: 'red' }, other: { team: 'red' } },
      keys: {
        tester: { project: 'web', secret: testKey },
        stranger: { project: 'other', secret: strangerKey },
        bound: { project: 'other', secret: boundKey, models: ['a/*'] },
      },
    },
  });
});
after(async () => {
  await gateway.stop();
  await first.close();
  await second.close();
});

const clientOf = (apiKey = testKey) => new OpenAI({ apiKey, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
const upload = async (content: string | Buffer, name: string, client = clientOf(), provider?: string) =>
  client.files.create(
    { file: await toFile(Buffer.from(content), name), purpose: 'user_data' },
    provider === undefined ? {} : { headers: { 'x-sluice-provider': provider } },
  );
const notFound = (promise: Promise<unknown>) => assert.rejects(promise, OpenAI.NotFoundError);

test('a file makes its way to the provider and back, byte for byte', async () => {
  const bytes = Buffer.alloc(700_000, 'äöü 0123456789\r\n\0');
  const made = await upload(bytes, 'größe.bin');
  assert.equal(made.bytes, bytes.length);
  assert.equal(made.filename, 'größe.bin');
  const call = first.calls().at(-1)!;
  assert.equal(call.path, '/v1/files');
  assert.equal(call.requestHeaders!['authorization'], 'Bearer sk-upstream');
  assert.deepEqual(await clientOf().files.retrieve(made.id), made);
  const content = await clientOf().files.content(made.id);
  assert.equal(content.headers.get('content-type'), 'application/octet-stream');
  assert.ok(bytes.equals(Buffer.from(await content.arrayBuffer())));
  const receipt = await receiptOf(gateway, content.headers.get('x-sluice-exchange')!);
  assert.deepEqual([receipt.outcome, receipt.attempts[0]!.provider], ['completed', 'o1']);
});

test("another project's files are not there, and not listed", async () => {
  const made = await upload('mine', 'mine.txt');
  const stranger = clientOf(strangerKey);
  const before = first.calls().length + second.calls().length;
  await notFound(stranger.files.retrieve(made.id));
  await notFound(stranger.files.content(made.id));
  await notFound(stranger.files.delete(made.id));
  assert.deepEqual((await stranger.files.list()).data, []);
  assert.deepEqual((await stranger.files.list({ after: made.id })).data, []);
  const parts = [{ type: 'file' as const, file: { file_id: made.id } }];
  await notFound(
    stranger.chat.completions.create({ model: 'o1/gpt-sim', messages: [{ role: 'user', content: parts }] }),
  );
  assert.equal(first.calls().length + second.calls().length, before);
  assert.equal((await clientOf().files.retrieve(made.id)).id, made.id);
});

test('a call may name a file of its own project, and goes where it is kept', async () => {
  const made = await upload('the letter', 'letter.txt', clientOf(), 'o2');
  assert.equal(second.calls().at(-1)!.path, '/v1/files');
  const input = [{ role: 'user' as const, content: [{ type: 'input_file' as const, file_id: made.id }] }];
  const before = second.calls().length;
  await clientOf().responses.create({ model: 'o2/gpt-sim', input });
  assert.equal(second.calls().length, before + 1);
  await assert.rejects(
    clientOf().responses.create({ model: 'o1/gpt-sim', input }),
    /kept at the provider "o2", which does not serve "o1\/gpt-sim"/,
  );
});

test('the list is what is one own, by pages, in order, and by purpose', async () => {
  const client = clientOf(strangerKey);
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) ids.push((await upload(`${i}`, `${i}.txt`, client, i % 2 ? 'o2' : 'o1')).id);

  const listed: string[] = [];
  for await (const { filename } of client.files.list({ limit: 2, order: 'asc' })) listed.push(filename);
  assert.deepEqual(listed, ['0.txt', '1.txt', '2.txt', '3.txt', '4.txt']);
  const newest = await client.files.list({ limit: 1 });
  assert.deepEqual([newest.data[0]!.filename, newest.has_more], ['4.txt', true]);
  assert.deepEqual((await client.files.list({ purpose: 'batch' })).data, []);
  await client.files.delete(ids[4]!);
  assert.equal((await client.files.list({ limit: 1 })).data[0]!.filename, '3.txt');
  await notFound(client.files.retrieve(ids[4]!));
  await assert.rejects(client.files.list({ limit: 0 }), /limit/);
});

test('what is no form, is too large, or for a provider that may not be used, is refused', async () => {
  const before = first.calls().length + second.calls().length;
  await assert.rejects(
    upload('x', 'x.txt', clientOf(), 'a'),
    /is no provider that takes files here.*o1, o2/s,
  );
  await assert.rejects(upload('x', 'x.txt', clientOf(boundKey)), /No provider that you may use here/);
  await assert.rejects(upload(Buffer.alloc(1_200_000), 'big.bin'), (error: unknown) => {
    return error instanceof OpenAI.APIError && error.status === 413;
  });
  const headers = { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' };
  const plain = await fetch(`${gateway.url}/v1/files`, { method: 'POST', headers, body: '{}' });
  assert.equal(plain.status, 415, await plain.text());
  assert.equal(first.calls().length + second.calls().length, before);
});
