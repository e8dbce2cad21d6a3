/** Gemini's files and batches, by Google's SDK: uploaded in pieces through the gateway, owned by a project, paid for once. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startSimulator, type Simulator } from '../../simulator/server.ts';
import { costOf, receiptsFor, settledFor } from '../harness/owed.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { ApiError, GoogleGenAI } from '../harness/google-genai.ts';
import { countsOf } from '../harness/receipts.ts';

const strangerKey = 'sk-stranger-0123456789abcdef';
const boundKey = 'sk-bound-0123456789abcdef';

let simulator: Simulator;
let gateway: TestGateway;
before(async () => {
  simulator = await startSimulator({ port: 0 });
  gateway = await startTestGateway({
    threads: 2,
    simulator,
    config: {
      providers: { g: { kind: 'google', baseUrl: `${simulator.url}/v1beta`, apiKey: 'sk-upstream' } },
      models: { fast: { targets: ['g/gemini-sim'] } },
      prices: { 'g/*': { input: '2', output: '8', batch: '50%' } },
      policies: [{ 'key-auth': { query: 'key' } }, { 'model-access': {} }],
      routes: [
        {
          name: 'open',
          match: { path: '/open/**' },
          stripPrefix: '/open',
          to: { llm: { vendorIds: 'pass' } },
        },
        { name: 'llm', match: { path: '/**' }, to: { llm: {} } },
      ],
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
});

const clientOf = (apiKey = testKey, path = '', more: object = {}) =>
  new GoogleGenAI({
    apiKey,
    ...more,
    httpOptions: { baseUrl: `${gateway.url}${path}`, retryOptions: { attempts: 1 } },
  });
const request = (tokens: number) => ({
  contents: [{ role: 'user', parts: [{ text: `simulate:{"tokens":${tokens}}` }] }],
});
const isStatus = (status: number) => (error: unknown) => error instanceof ApiError && error.status === status;
const refused = (status: number, promise: Promise<unknown>) => assert.rejects(promise, isStatus(status));
const upload = (content: string | Buffer<ArrayBuffer>, client = clientOf(), mimeType = 'text/plain') =>
  client.files.upload({ file: new Blob([content]), config: { mimeType } });

for (const [version, path] of [
  ['v1', ''],
  ['v1beta', ''],
  ['v1beta', '/gemini'],
])
  test(`a batch goes its way by ${version} below "${path}"`, async () => {
    const client = clientOf(testKey, path, { apiVersion: version });
    const begun = await client.batches.create({ model: 'fast', src: [request(3), request(5)] });
    assert.equal(begun.state, 'JOB_STATE_RUNNING');
    let batch = begun;
    while (batch.state !== 'JOB_STATE_SUCCEEDED') batch = await client.batches.get({ name: begun.name! });
    const answers = batch.dest!.inlinedResponses!.map(
      ({ response }) => response!.usageMetadata!.candidatesTokenCount,
    );
    assert.deepEqual(answers, [3, 5]);
    const [receipt] = await settledFor(gateway.stateDirectory, begun.name!);
    assert.equal(receipt!.attempts[0]!.model, 'gemini-sim');
    const listed = [];
    for await (const { name, state } of await client.batches.list({ config: { pageSize: 1 } }))
      listed.push([name, state]);
    assert.deepEqual(listed[0], [begun.name, 'JOB_STATE_SUCCEEDED']);
  });

test('nobody comes back: each call of it is on the ledger, at the price of batches, once', async () => {
  const failing = { contents: [{ role: 'user', parts: [{ text: 'simulate:{"status":500}' }] }] };
  const { name } = await clientOf().batches.create({
    model: 'g/gemini-sim',
    src: [request(7), failing, request(11)],
  });
  const [receipt] = await settledFor(gateway.stateDirectory, name!);
  const counts = countsOf(receipt!.attempts[0]!);
  assert.equal(counts['output'], 18);
  assert.deepEqual(receipt!.attempts[0]!.rawUsage, { answers: 2, failed: 1 });
  assert.equal(costOf(receipt!), BigInt(counts['input']!) * 1_000n + 18n * 4_000n);
  await settledFor(
    gateway.stateDirectory,
    (await clientOf().batches.create({ model: 'fast', src: [request(1)] })).name!,
  );
  assert.equal(receiptsFor(gateway.stateDirectory, name!).length, 1);
});

test('a file comes in pieces, is named by calls and batches of its project, listed, and removed', async () => {
  const client = clientOf();
  const bytes = Buffer.alloc(9 * 1024 * 1024, 'äöü 0123456789\r\n\0');
  const made = await upload(bytes, clientOf(testKey, '/gemini'), 'application/pdf');
  assert.equal(made.sizeBytes, String(bytes.length));
  const pieces = simulator.calls().filter(({ path }) => path === '/upload/v1beta/files');
  assert.ok(pieces.length >= 3, 'begun, and two pieces');
  assert.equal(pieces.at(-1)!.requestHeaders!['x-goog-api-key'], 'sk-upstream');
  assert.equal((await client.files.get({ name: made.name! })).name, made.name);
  const parts = [
    { fileData: { fileUri: made.uri!, mimeType: 'application/pdf' } },
    { text: 'simulate:{"tokens":4}' },
  ];
  const naming = { contents: [{ role: 'user', parts }] };
  const answer = await client.models.generateContent({ model: 'fast', ...naming });
  assert.equal(answer.usageMetadata!.candidatesTokenCount, 4);
  const { name } = await client.batches.create({ model: 'fast', src: [naming] });
  await settledFor(gateway.stateDirectory, name!);
  const names: string[] = [];
  for await (const file of await client.files.list({ config: { pageSize: 1 } })) names.push(file.name!);
  assert.ok(names.includes(made.name!));

  const stranger = clientOf(strangerKey);
  const before = simulator.calls().length;
  await refused(404, stranger.files.get({ name: made.name! }));
  await refused(404, stranger.files.delete({ name: made.name! }));
  await refused(404, stranger.batches.get({ name: name! }));
  await refused(404, stranger.batches.cancel({ name: name! }));
  await refused(404, stranger.batches.delete({ name: name! }));
  await refused(404, stranger.models.generateContent({ model: 'fast', ...naming }));
  await refused(404, stranger.batches.create({ model: 'fast', src: [request(1), naming] }));
  const listed = await stranger.files.list();
  assert.deepEqual(listed.page, []);
  assert.deepEqual((await stranger.batches.list()).page, []);
  assert.equal(simulator.calls().length, before);

  await client.files.delete({ name: made.name! });
  await refused(404, client.files.get({ name: made.name! }));
});

test("an upload that another project began is not there for one's own bytes", async () => {
  const url = `${gateway.url}/upload/v1beta/files`;
  const start = {
    'x-goog-upload-protocol': 'resumable',
    'x-goog-upload-command': 'start',
    'content-type': 'application/json',
  };
  const begun = await fetch(url, {
    method: 'POST',
    headers: { 'x-goog-api-key': testKey, ...start },
    body: '{"file":{"displayName":"mine"}}',
  });
  assert.equal(begun.status, 200, await begun.text());
  const address = begun.headers.get('x-goog-upload-url')!;
  assert.match(address, new RegExp(`^${url}\\?upload_id=`));
  const piece = { 'x-goog-upload-command': 'upload, finalize', 'x-goog-upload-offset': '0' };
  const send = (key: string, to = address) =>
    fetch(to, { method: 'POST', headers: { 'x-goog-api-key': key, ...piece }, body: 'bytes' });
  assert.equal((await send(strangerKey)).status, 404);
  assert.equal((await send(testKey, address.replace('upload_id=', 'upload_id=x'))).status, 404);
  const ended = await send(testKey);
  assert.deepEqual([ended.status, ended.headers.get('x-goog-upload-status')], [200, 'final']);
});

test('a key may put into a batch only what it may ask for alone', async () => {
  const before = simulator.calls().length;
  await refused(403, clientOf(boundKey).batches.create({ model: 'g/gemini-dear', src: [request(1)] }));
  // A model that a call names beside that of the path is not asked.
  const { name } = await clientOf(boundKey).batches.create({
    model: 'fast',
    src: [{ ...request(2), model: 'gemini-dear' }],
  });
  assert.equal(
    simulator.calls()[before]!.path,
    '/v1/models/gemini-sim:batchGenerateContent'.replace('/v1/', '/v1beta/'),
  );
  await settledFor(gateway.stateDirectory, name!);
  const both = {
    batch: { inputConfig: { requests: { requests: [{ request: request(1) }] } }, input_config: {} },
  };
  const answer = await fetch(`${gateway.url}/v1beta/models/fast:batchGenerateContent`, {
    method: 'POST',
    headers: { 'x-goog-api-key': boundKey, 'content-type': 'application/json' },
    body: JSON.stringify(both),
  });
  assert.equal(answer.status, 400);
});

test('files of calls are taken where every name passes, their results are read and paid for', async (t) => {
  const lines = [4, 6].map((tokens, i) => JSON.stringify({ key: `k${i}`, request: request(tokens) }));
  const file = await upload(`${lines.join('\n')}\n`, clientOf(), 'application/jsonl');
  await refused(404, clientOf().batches.create({ model: 'fast', src: file.name! }));
  const client = clientOf(testKey, '/open');
  const { name } = await client.batches.create({ model: 'fast', src: file.name! });
  const [receipt] = await settledFor(gateway.stateDirectory, name!);
  assert.equal(countsOf(receipt!.attempts[0]!)['output'], 10);
  const batch = await client.batches.get({ name: name! });
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'results.jsonl');
  await client.files.download({ file: batch.dest!.fileName!, downloadPath: path });
  assert.equal(readFileSync(path, 'utf8').trim().split('\n').length, 2);
  await assert.rejects(
    clientOf(strangerKey).files.download({ file: batch.dest!.fileName!, downloadPath: path }),
  );
});

test('one that is under way cannot be deleted unpaid; one that is cancelled is settled', async () => {
  const client = clientOf();
  const { name } = await client.batches.create({ model: 'fast', src: [request(6)] });
  await refused(409, client.batches.delete({ name: name! }));
  await client.batches.cancel({ name: name! });
  await client.batches.delete({ name: name! });
  const [receipt] = await settledFor(gateway.stateDirectory, name!);
  assert.deepEqual(receipt!.attempts[0]!.lines, []);
});
