/** OpenAI's batches: a file of calls that a provider works through, owned by a project, and paid for once. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { stringify } from 'yaml';
import OpenAI, { toFile } from '../clients/node_modules/openai/index.mjs';
import { startSimulator, type Simulator } from '../../simulator/server.ts';
import { costOf, pause, receiptsFor, settledFor } from '../harness/owed.ts';
import { emptyFolder, startCommand } from '../harness/command.ts';
import { standardConfig, startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { countsOf, receiptOf } from '../harness/receipts.ts';

const strangerKey = 'sk-stranger-0123456789abcdef';
const boundKey = 'sk-bound-0123456789abcdef';

let simulator: Simulator;
let gateway: TestGateway;
const config = () => ({
  providers: {
    o: {
      dialect: 'openai-chat',
      speaks: [{ dialect: 'openai-responses' }],
      baseUrl: `${simulator.url}/v1`,
      apiKey: 'sk-upstream',
      models: ['gpt-sim'],
    },
  },
  models: { allowed: { targets: ['o/gpt-sim'] } },
  prices: { 'o/*': { input: '2', output: '8', batch: '50%' } },
  projects: { web: { team: 'red' }, other: { team: 'red' } },
  keys: {
    tester: { project: 'web', secret: testKey },
    stranger: { project: 'other', secret: strangerKey },
    bound: { project: 'web', secret: boundKey, models: ['allowed'] },
  },
});
before(async () => {
  simulator = await startSimulator({ port: 0 });
  gateway = await startTestGateway({ threads: 2, simulator, config: config() });
});
after(async () => {
  await gateway.stop();
  await simulator.close();
});

const clientOf = (apiKey = testKey, url = gateway.url) =>
  new OpenAI({ apiKey, baseURL: `${url}/v1`, maxRetries: 0 });
const say = (tokens: number) => [{ role: 'user', content: `simulate:{"tokens":${tokens}}` }];
const lineOf = (name: string, body: object, url = '/v1/chat/completions') =>
  JSON.stringify({ custom_id: name, method: 'POST', url, body });

async function fileOf(lines: readonly string[], client = clientOf()): Promise<string> {
  const file = await toFile(Buffer.from(`${lines.join('\n')}\n`), 'calls.jsonl');
  return (await client.files.create({ file, purpose: 'batch' })).id;
}
const begin = (file: string, client = clientOf(), endpoint = '/v1/chat/completions') =>
  client.batches.create({
    input_file_id: file,
    endpoint: endpoint as '/v1/chat/completions',
    completion_window: '24h',
  });
const chats = (...tokens: number[]) =>
  tokens.map((count, i) => lineOf(`c${i}`, { model: 'gpt-sim', messages: say(count) }));
const notFound = (promise: Promise<unknown>) => assert.rejects(promise, OpenAI.NotFoundError);

test('a batch goes its way: made, looked at, listed, done, and its results read', async () => {
  const { data: begun, response } = await begin(await fileOf(chats(3, 5))).withResponse();
  assert.equal(begun.status, 'validating');
  let batch = begun;
  while (batch.status !== 'completed') batch = await clientOf().batches.retrieve(begun.id);
  await settledFor(gateway.stateDirectory, begun.id);
  const text = await (await clientOf().files.content(batch.output_file_id!)).text();
  const results = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { custom_id: string; response: object });
  assert.deepEqual(
    results.map(({ custom_id: name }) => name),
    ['c0', 'c1'],
  );
  const listed = [];
  for await (const { id, status } of clientOf().batches.list({ limit: 1 })) listed.push([id, status]);
  assert.deepEqual(listed, [[begun.id, 'completed']]);
  const first = await receiptOf(gateway, response.headers.get('x-sluice-exchange')!);
  assert.deepEqual([first.attempts[0]!.lines, first.attempts[0]!.flags], [[], ['deferred']]);
});

test('nobody comes back: every call of it is on the ledger, at the price of batches, once', async () => {
  const failing = lineOf('bad', {
    model: 'gpt-sim',
    messages: [{ role: 'user', content: 'simulate:{"status":500}' }],
  });
  const { id } = await begin(await fileOf([...chats(7, 11), failing]));
  const [receipt] = await settledFor(gateway.stateDirectory, id);
  assert.deepEqual([receipt!.outcome, receipt!.requestedModel], ['completed', 'gpt-sim']);
  const [attempt] = receipt!.attempts;
  const counts = countsOf(attempt!);
  assert.equal(counts['output'], 18);
  assert.deepEqual(attempt!.rawUsage, { answers: 2, failed: 1 });
  assert.deepEqual(attempt!.flags, ['batch']);
  // Half of 2 and 8 for a million.
  assert.equal(costOf(receipt!), BigInt(counts['input']!) * 1_000n + 18n * 4_000n);
  // The next one is looked after by the same collectors, after which they have had the time to look again.
  await settledFor(gateway.stateDirectory, (await begin(await fileOf(chats(1)))).id);
  assert.equal(receiptsFor(gateway.stateDirectory, id).length, 1);
});

test('calls of responses and embeddings are read in their own words', async () => {
  const responses = [lineOf('r', { model: 'gpt-sim', input: 'simulate:{"tokens":9}' }, '/v1/responses')];
  const embeddings = [lineOf('e', { model: 'gpt-sim', input: 'four words are here' }, '/v1/embeddings')];
  const one = await begin(await fileOf(responses), clientOf(), '/v1/responses');
  const other = await begin(await fileOf(embeddings), clientOf(), '/v1/embeddings');
  const [answered] = await settledFor(gateway.stateDirectory, one.id);
  assert.equal(countsOf(answered!.attempts[0]!)['output'], 9);
  const [embedded] = await settledFor(gateway.stateDirectory, other.id);
  assert.ok(countsOf(embedded!.attempts[0]!)['input']! > 0);
});

test("another project's batch is not there, nor are its file and its results", async () => {
  const file = await fileOf(chats(2));
  const { id } = await begin(file);
  await settledFor(gateway.stateDirectory, id);
  const { output_file_id: output } = await clientOf().batches.retrieve(id);
  const stranger = clientOf(strangerKey);
  const before = simulator.calls().length;
  await notFound(stranger.batches.retrieve(id));
  await notFound(stranger.batches.cancel(id));
  await notFound(stranger.files.content(output!));
  await notFound(stranger.files.delete(output!));
  await notFound(begin(file, stranger));
  assert.deepEqual((await stranger.batches.list()).data, []);
  assert.deepEqual((await stranger.batches.list({ after: id })).data, []);
  assert.equal(simulator.calls().length, before);
});

test('a call in a file may ask for nothing that it could not ask for alone', async () => {
  const strangers = await fileOf(['{}'], clientOf(strangerKey));
  const parts = [{ type: 'file', file: { file_id: strangers } }];
  const naming = lineOf('n', { model: 'gpt-sim', messages: [{ role: 'user', content: parts }] });
  const made = () =>
    simulator.calls().filter(({ method, path }) => method === 'POST' && path === '/v1/batches').length;
  const before = made();
  await assert.rejects(
    begin(await fileOf([...chats(1), naming])),
    /call "n".messages\[0\].*not known to be yours/,
  );
  const escaped = naming.replace('file_id', 'file_\\u0069d');
  await assert.rejects(begin(await fileOf([escaped])), OpenAI.APIError);
  const kept = lineOf('p', { model: 'gpt-sim', input: 'x', previous_response_id: 'resp_1' }, '/v1/responses');
  await notFound(begin(await fileOf([kept]), clientOf(), '/v1/responses'));
  // By whatever name a key may use a model, its provider's own name for it is meant by it.
  const bound = clientOf(boundKey);
  const { id } = await begin(await fileOf(chats(1)), bound);
  assert.equal(made(), before + 1);
  await settledFor(gateway.stateDirectory, id);
  const dear = lineOf('d', { model: 'gpt-dear', messages: say(1) });
  await assert.rejects(begin(await fileOf([...chats(1), dear]), bound), (error: unknown) => {
    return error instanceof OpenAI.PermissionDeniedError && /gpt-dear/.test(error.message);
  });
  await assert.rejects(begin(await fileOf(['not json'])), /not JSON/);
  await assert.rejects(
    begin(await fileOf(chats(1)), clientOf(), '/v1/responses'),
    /expected "\/v1\/responses", as the batch says/,
  );
  await assert.rejects(begin(await fileOf(chats(1)), clientOf(), '/v1/videos'), /endpoint/);
  await assert.rejects(
    begin(await fileOf([chats(1)[0]!.replace('"model"', '"model":"gpt-other","model"')])),
    /twice/,
  );
  assert.equal(made(), before + 1);
});

test('results cannot be deleted unpaid', async () => {
  const { id } = await begin(await fileOf(chats(4)));
  let batch = await clientOf().batches.retrieve(id);
  while (batch.status !== 'completed') batch = await clientOf().batches.retrieve(id);
  await clientOf().files.delete(batch.output_file_id!);
  const [receipt] = await settledFor(gateway.stateDirectory, id);
  assert.equal(countsOf(receipt!.attempts[0]!)['output'], 4);
});

test('one that is cancelled is paid for as far as it went', async () => {
  const { id } = await begin(await fileOf(chats(6)));
  assert.equal((await clientOf().batches.cancel(id)).status, 'cancelled');
  const [receipt] = await settledFor(gateway.stateDirectory, id);
  assert.equal(countsOf(receipt!.attempts[0]!)['output'], 6);
});

test('a client that hangs up before it is told the name has made the batch all the same', async () => {
  const file = await fileOf(chats(8));
  const made = () =>
    simulator.calls().filter(({ path, method }) => method === 'POST' && path === '/v1/batches');
  const before = made().length;
  simulator.defaults = { latencyMs: 500 };
  const abort = new AbortController();
  const asked = { input_file_id: file, endpoint: '/v1/chat/completions', completion_window: '24h' } as const;
  const left = assert.rejects(clientOf().batches.create(asked, { signal: abort.signal }));
  while (made().length === before) await pause(5);
  abort.abort();
  await left;
  simulator.defaults = {};
  const [receipt] = await settledFor(gateway.stateDirectory, `batch_sim_${made().at(-1)!.number}`);
  assert.equal(countsOf(receipt!.attempts[0]!)['output'], 8);
});

test('a kill -9 in between: settled by the next life, once', async (t) => {
  const cwd = emptyFolder();
  const document = standardConfig(simulator.url, config());
  delete document['listen'];
  delete document['admin'];
  writeFileSync(join(cwd, 'sluice.yaml'), stringify(document));
  const state = join(cwd, 'state');
  const start = { cwd, args: ['--config', 'sluice.yaml', '--state', state] };
  const running = await startCommand(t, start);
  const client = clientOf(testKey, running.url);
  const { id } = await begin(await fileOf(chats(3, 4), client), client);
  await running.kill();
  const again = await startCommand(t, start);
  const [receipt] = await settledFor(state, id);
  assert.equal(countsOf(receipt!.attempts[0]!)['output'], 7);
  assert.equal(receiptsFor(state, id).length, 1);
  assert.equal((await clientOf(testKey, again.url).batches.retrieve(id)).status, 'completed');
  assert.equal(await again.stop(), 0);
});
