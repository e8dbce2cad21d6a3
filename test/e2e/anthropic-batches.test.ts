/** Anthropic's message batches and files: owned by a project, shown at the gateway's address, and paid for call by call. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { verifyDatabase } from '#ledger/store/offline.ts';
import Anthropic, { toFile } from '../clients/node_modules/@anthropic-ai/sdk/index.mjs';
import { startSimulator, type Simulator } from '../../simulator/server.ts';
import { costOf, receiptsFor, settledFor } from '../harness/owed.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { countsOf, receiptOf } from '../harness/receipts.ts';

const strangerKey = 'sk-stranger-0123456789abcdef';
const boundKey = 'sk-bound-0123456789abcdef';

let simulator: Simulator;
let second: Simulator;
let gateway: TestGateway;
before(async () => {
  simulator = await startSimulator({ port: 0 });
  second = await startSimulator({ port: 0 });
  // Two simulators count alike, and their ids are made of the count; vendors' are their own.
  for (let i = 0; i < 100; i++) await (await fetch(`${second.url}/v1/models`)).arrayBuffer();
  const at = ({ url }: Simulator, prefixes: string[]) => ({
    dialect: 'anthropic-messages',
    baseUrl: url,
    apiKey: 'sk-upstream',
    prefixes,
  });
  gateway = await startTestGateway({
    threads: 2,
    simulator,
    config: {
      providers: { a: at(simulator, ['claude-']), b: at(second, []) },
      models: {
        fast: { targets: ['a/claude-small'] },
        slow: { targets: ['a/claude-large', 'b/claude-large'] },
      },
      prices: {
        'a/claude-small': { input: '1', output: '4', batch: '50%' },
        'a/claude-large': { input: '10', output: '40', batch: { input: '6', output: '20' } },
        'a/*': { input: '3', output: '15' },
      },
      routes: [{ name: 'llm', match: { path: '/**' }, to: { llm: {} } }],
      projects: { web: { team: 'red' }, other: { team: 'red' } },
      keys: {
        tester: { project: 'web', secret: testKey },
        stranger: { project: 'other', secret: strangerKey },
        bound: { project: 'web', secret: boundKey, models: ['fast'] },
      },
    },
  });
});
after(async () => {
  await gateway.stop();
  await simulator.close();
  await second.close();
});

const clientOf = (apiKey = testKey, path = '') =>
  new Anthropic({ apiKey, baseURL: `${gateway.url}${path}`, maxRetries: 0 });
const request = (name: string, model: string, tokens: number) => ({
  custom_id: name,
  params: {
    model,
    max_tokens: 1000,
    messages: [{ role: 'user' as const, content: `simulate:{"tokens":${tokens}}` }],
  },
});
const notFound = (promise: PromiseLike<unknown>) =>
  assert.rejects(Promise.resolve(promise), Anthropic.NotFoundError);
const lastBatch = (at = simulator) =>
  at.calls().findLast(({ method, path }) => method === 'POST' && path === '/v1/messages/batches')!;

for (const prefix of ['', '/anthropic'])
  test(`a batch goes its way below "${prefix}", and its results are read at the gateway`, async () => {
    const client = clientOf(testKey, prefix);
    const begun = await client.messages.batches.create({
      requests: [request('one', 'fast', 3), request('two', 'fast', 5)],
    });
    assert.equal(begun.processing_status, 'in_progress');
    let batch = begun;
    while (batch.processing_status !== 'ended') batch = await client.messages.batches.retrieve(begun.id);
    assert.equal(batch.results_url, `${gateway.url}${prefix}/v1/messages/batches/${begun.id}/results`);
    const texts: Record<string, string> = {};
    for await (const { custom_id: name, result } of await client.messages.batches.results(begun.id))
      texts[name] = result.type === 'succeeded' ? result.message.model : result.type;
    assert.deepEqual(texts, { one: 'claude-small', two: 'claude-small' });
    await settledFor(gateway.stateDirectory, begun.id);
    const [first] = (await client.messages.batches.list({ limit: 1 })).data;
    assert.deepEqual(
      [first!.id, first!.processing_status, first!.results_url],
      [begun.id, 'ended', batch.results_url],
    );
  });

test('nobody comes back: each model of it has a line on the receipt, each call its own price, once', async () => {
  const failing = request('bad', 'fast', 1);
  failing.params.messages[0]!.content = 'simulate:{"status":500}';
  const { id } = await clientOf().messages.batches.create({
    requests: [request('a', 'fast', 7), request('b', 'slow', 11), failing, request('c', 'claude-other', 2)],
  });
  const [receipt] = await settledFor(gateway.stateDirectory, id);
  assert.deepEqual(
    receipt!.attempts.map(({ number, model, rawUsage }) => [number, model, rawUsage]),
    [
      [1, 'claude-small', { answers: 1, failed: 1 }],
      [2, 'claude-large', { answers: 1, failed: 0 }],
      [3, 'claude-other', { answers: 1, failed: 0 }],
    ],
  );
  assert.deepEqual(
    receipt!.attempts.map((attempt) => countsOf(attempt)['output']),
    [7, 11, 2],
  );
  const [small, large, other] = receipt!.attempts.map((attempt) => countsOf(attempt)['input']!);
  const cost = small! * 500 + 7 * 2_000 + large! * 6_000 + 11 * 20_000 + other! * 3_000 + 2 * 15_000;
  assert.equal(costOf(receipt!), BigInt(cost));
  await settledFor(
    gateway.stateDirectory,
    (await clientOf().messages.batches.create({ requests: [request('x', 'fast', 1)] })).id,
  );
  assert.equal(receiptsFor(gateway.stateDirectory, id).length, 1);
});

test('within a batch the bytes pass, but for the names of models', async () => {
  const body = (model: string) =>
    `{ "requests": [ {"params": {"future": 1.0, "model" : "${model}", "max_tokens": 9, "messages": [{"role":"user","content":"Grüße"}]} , "custom_id":"x\\u00e9", "more": [1.50]} ], "new": 12345678901234567890 }`;
  const answer = await fetch(`${gateway.url}/v1/messages/batches`, {
    method: 'POST',
    body: body('fast'),
    headers: { 'x-api-key': testKey, 'anthropic-version': '2023-06-01', 'content-type': 'application/json' },
  });
  assert.equal(answer.status, 200, await answer.clone().text());
  const { id } = (await answer.json()) as { id: string };
  assert.equal(lastBatch().bodyBytes, Buffer.byteLength(body('claude-small')));
  assert.equal(lastBatch().requestHeaders!['anthropic-version'], '2023-06-01');
  assert.equal(
    lastBatch().requestHeaders!['x-api-key'] ?? lastBatch().requestHeaders!['authorization'],
    'Bearer sk-upstream',
  );
  const [receipt] = await settledFor(gateway.stateDirectory, id);
  assert.equal(receipt!.requestedModel, 'fast');
});

test('a key may put into a batch only what it may ask for alone', async () => {
  const before = simulator.calls().length;
  const bound = clientOf(boundKey);
  await assert.rejects(
    bound.messages.batches.create({ requests: [request('one', 'fast', 1), request('two', 'slow', 1)] }),
    (error: unknown) => error instanceof Anthropic.PermissionDeniedError && /slow/.test(error.message),
  );
  const twice = `{"requests":[{"custom_id":"x","params":{"model":"slow","max_tokens":9,"messages":[],"model":"fast"}}]}`;
  const hidden = `{"requests":[{"custom_id":"x","params":{},"params":{"model":"fast","max_tokens":9,"messages":[]}}]}`;
  const other = `{"requests":[],"requests":[{"custom_id":"x","params":{"model":"fast","max_tokens":9,"messages":[]}}]}`;
  for (const body of [twice, hidden, other]) {
    const answer = await fetch(`${gateway.url}/v1/messages/batches`, {
      method: 'POST',
      body,
      headers: {
        'x-api-key': boundKey,
        'anthropic-version': '2023-06-01',
        'content-type': 'application/json',
      },
    });
    assert.equal(answer.status, 400);
    assert.match(await answer.text(), /twice/);
  }
  await assert.rejects(bound.messages.batches.create({ requests: [] }), /no calls/);
  await assert.rejects(
    clientOf().messages.batches.create({
      requests: [request('x', 'b/claude-one', 1), request('y', 'a/claude-two', 1)],
    }),
    /No one provider takes batches in anthropic-messages for b\/claude-one, a\/claude-two/,
  );
  assert.equal(simulator.calls().length, before);
});

test("another project's batch and files are not there, and not listed", async () => {
  const file = await clientOf().files.upload({
    file: await toFile(Buffer.from('mine'), 'mine.txt', { type: 'text/plain' }),
  });
  const { id } = await clientOf().messages.batches.create({ requests: [request('one', 'fast', 1)] });
  await settledFor(gateway.stateDirectory, id);
  const stranger = clientOf(strangerKey);
  const before = simulator.calls().length;
  await notFound(stranger.messages.batches.retrieve(id));
  await notFound(stranger.messages.batches.cancel(id));
  await notFound(stranger.messages.batches.delete(id));
  await notFound(stranger.get(`/v1/messages/batches/${id}/results`));
  await notFound(stranger.files.retrieveMetadata(file.id));
  await notFound(stranger.files.download(file.id));
  await notFound(stranger.files.delete(file.id));
  assert.deepEqual((await stranger.messages.batches.list()).data, []);
  assert.deepEqual((await stranger.files.list()).data, []);
  const naming = request('n', 'fast', 1);
  const source = { type: 'file' as const, file_id: file.id };
  Object.assign(naming.params.messages[0]!, { content: [{ type: 'document', source }] });
  await notFound(stranger.messages.batches.create({ requests: [naming] }));
  await notFound(stranger.messages.create(naming.params));
  assert.equal(simulator.calls().length, before);
});

test('a file makes its way, and a call or a batch that names it goes where it is', async () => {
  const client = clientOf();
  const content = Buffer.from('äöü\r\n\0');
  const options = { headers: { 'x-sluice-provider': 'b', 'anthropic-beta': 'files-api-2025-04-14' } };
  const made = await client.files.upload(
    { file: await toFile(content, 'one.txt', { type: 'text/plain' }) },
    options,
  );
  const call = second.calls().at(-1)!;
  assert.deepEqual(
    [call.path, call.requestHeaders!['anthropic-beta']],
    ['/v1/files', 'files-api-2025-04-14'],
  );
  assert.equal((await client.files.retrieveMetadata(made.id)).size_bytes, content.length);
  const back = await client.files.download(made.id);
  assert.ok(content.equals(Buffer.from(await back.arrayBuffer())));
  const more = await client.files.upload(
    { file: await toFile(content, 'two.txt', { type: 'text/plain' }) },
    options,
  );
  const names: string[] = [];
  for await (const { filename } of client.files.list({ limit: 1 })) names.push(filename);
  assert.deepEqual(names.slice(0, 2), ['two.txt', 'one.txt']);
  const naming = request('n', 'slow', 1);
  const source = { type: 'file' as const, file_id: made.id };
  Object.assign(naming.params.messages[0]!, {
    content: [
      { type: 'document', source },
      { type: 'text', text: 'simulate:{"tokens":4}' },
    ],
  });
  const before = second.calls().length;
  assert.equal((await client.messages.create(naming.params)).usage.output_tokens, 4);
  assert.equal(second.calls().length, before + 1);
  const { id } = await client.messages.batches.create({ requests: [naming] });
  assert.equal(id, `msgbatch_sim_${lastBatch(second).number}`);
  await settledFor(gateway.stateDirectory, id);
  await client.files.delete(more.id);
  await notFound(client.files.retrieveMetadata(more.id));
});

test('one that is under way cannot be deleted unpaid; what is done is settled first', async () => {
  const client = clientOf();
  const { data: begun, response } = await client.messages.batches
    .create({ requests: [request('one', 'fast', 6)] })
    .withResponse();
  await assert.rejects(
    Promise.resolve(client.messages.batches.delete(begun.id)),
    (error: unknown) => error instanceof Anthropic.ConflictError && /still being made/.test(error.message),
  );
  await client.messages.batches.cancel(begun.id);
  await client.messages.batches.delete(begun.id);
  const [receipt] = await settledFor(gateway.stateDirectory, begun.id);
  assert.equal(countsOf(receipt!.attempts[0]!)['output'], 6);
  await notFound(client.messages.batches.retrieve(begun.id));
  const first = await receiptOf(gateway, response.headers.get('x-sluice-exchange')!);
  assert.deepEqual([first.attempts[0]!.lines, first.attempts[0]!.flags], [[], ['deferred']]);
});

test('the books add up', async () => {
  await settledFor(
    gateway.stateDirectory,
    (
      await clientOf().messages.batches.create({
        requests: [request('x', 'fast', 1), request('y', 'slow', 1)],
      })
    ).id,
  );
  const { findings, receipts } = verifyDatabase(join(gateway.stateDirectory, 'ledger.db'));
  assert.deepEqual(findings, []);
  assert.ok(receipts > 0);
});

test('pages of batches, forwards and back', async () => {
  const client = clientOf(strangerKey);
  const ids: string[] = [];
  for (let i = 0; i < 4; i++)
    ids.unshift((await client.messages.batches.create({ requests: [request('x', 'fast', 1)] })).id);
  const seen: string[] = [];
  for await (const { id } of client.messages.batches.list({ limit: 2 })) seen.push(id);
  assert.deepEqual(seen, ids);
  const back = await client.messages.batches.list({ limit: 2, before_id: ids[3]! });
  assert.deepEqual([back.data.map(({ id }) => id), back.has_more], [[ids[1], ids[2]], true]);
});
