/** Answers made in the background are paid for once they are done, whether or not anybody fetches them: once. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { stringify } from 'yaml';
import OpenAI from '../clients/node_modules/openai/index.mjs';
import { startSimulator, type Simulator } from '../../simulator/server.ts';
import { emptyFolder, startCommand } from '../harness/command.ts';
import { standardConfig, startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { receiptsFor, settledFor } from '../harness/owed.ts';
import { countsOf, receiptOf } from '../harness/receipts.ts';

let simulator: Simulator;
let gateway: TestGateway;
const config = () => ({
  providers: {
    r: { dialect: 'openai-responses', baseUrl: `${simulator.url}/v1`, apiKey: 'sk-upstream' },
  },
  prices: { 'r/*': { input: '2', output: '8' } },
});
before(async () => {
  simulator = await startSimulator({ port: 0 });
  gateway = await startTestGateway({ threads: 2, simulator, config: config() });
});
after(async () => {
  await gateway.stop();
  await simulator.close();
});

const clientOf = (url = gateway.url) => new OpenAI({ apiKey: testKey, baseURL: `${url}/v1`, maxRetries: 0 });
const wish = { model: 'r/gpt-sim', input: 'simulate:{"tokens":7}', background: true } as const;

test('nobody comes back: what it used is on the ledger all the same, and the first call used nothing', async () => {
  const { data: begun, response } = await clientOf().responses.create(wish).withResponse();
  assert.equal(begun.status, 'queued');
  const [receipt] = await settledFor(gateway.stateDirectory, begun.id);
  assert.deepEqual([receipt!.outcome, receipt!.requestedModel], ['completed', 'r/gpt-sim']);
  const counts = countsOf(receipt!.attempts[0]!);
  assert.equal(counts['output'], 7);
  assert.ok(counts['input']! > 0);
  const first = await receiptOf(gateway, response.headers.get('x-sluice-exchange')!);
  assert.deepEqual([first.attempts[0]!.lines, first.attempts[0]!.flags], [[], ['deferred']]);
});

for (const stream of [false, true])
  test(`the client stays (${stream ? 'streamed' : 'polled'}), and it is settled once`, async () => {
    let id = '';
    if (stream)
      for await (const event of await clientOf().responses.create({ ...wish, stream })) {
        if (event.type === 'response.created') id = event.response.id;
      }
    else {
      let answer = await clientOf().responses.create(wish);
      while (answer.status !== 'completed') answer = await clientOf().responses.retrieve(answer.id);
      id = answer.id;
      assert.ok(answer.usage);
    }
    assert.equal((await settledFor(gateway.stateDirectory, id)).length, 1);
    const looks = simulator.calls().filter(({ path }) => path.endsWith(id)).length;
    // The next one is looked after by the same collector, after which it has had the time to look again.
    await settledFor(gateway.stateDirectory, (await clientOf().responses.create(wish)).id);
    assert.equal(receiptsFor(gateway.stateDirectory, id).length, 1);
    assert.equal(simulator.calls().filter(({ path }) => path.endsWith(id)).length, looks);
  });

test('what is not done yet cannot be deleted unpaid; what is done is settled first', async () => {
  const begun = await clientOf().responses.create(wish);
  await assert.rejects(clientOf().responses.delete(begun.id), /still being made/);
  await clientOf().responses.cancel(begun.id);
  await clientOf().responses.delete(begun.id);
  const [receipt] = await settledFor(gateway.stateDirectory, begun.id);
  assert.equal(countsOf(receipt!.attempts[0]!)['output'], 7);
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
  const begun = await clientOf(running.url).responses.create(wish);
  await running.kill();
  const again = await startCommand(t, start);
  const [receipt] = await settledFor(state, begun.id);
  assert.equal(countsOf(receipt!.attempts[0]!)['output'], 7);
  assert.equal(receiptsFor(state, begun.id).length, 1);
  assert.equal(await again.stop(), 0);
});
