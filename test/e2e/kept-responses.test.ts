/** Stored responses: who had them made may name, read, cancel and delete them, at the provider that holds them. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { stringify } from 'yaml';
import OpenAI from '../clients/node_modules/openai/index.mjs';
import { startSimulator, type Simulator } from '../../simulator/server.ts';
import { standardConfig, startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { emptyFolder, startCommand } from '../harness/command.ts';

const siblingKey = 'sk-sibling-0123456789abcdef';
const strangerKey = 'sk-stranger-0123456789abcdef';

let first: Simulator;
let second: Simulator;
let gateway: TestGateway;

/** One model at two providers by turns, and each provider's own models. */
const configOf = () => ({
  providers: Object.fromEntries(
    Object.entries({ r1: first, r2: second }).map(([name, simulator]) => [
      name,
      { dialect: 'openai-responses', baseUrl: `${simulator.url}/v1`, apiKey: 'sk-upstream' },
    ]),
  ),
  prices: { 'r1/*': { input: '2', output: '8' }, 'r2/*': { input: '2', output: '8' } },
  models: {
    both: { targets: ['r1/gpt-sim', 'r2/gpt-sim'], strategy: 'round-robin' },
  },
  projects: { web: { team: 'red' }, other: { team: 'red' } },
  keys: {
    tester: { project: 'web', secret: testKey },
    sibling: { project: 'web', secret: siblingKey },
    stranger: { project: 'other', secret: strangerKey },
  },
});

before(async () => {
  first = await startSimulator({ port: 0 });
  second = await startSimulator({ port: 0 });
  gateway = await startTestGateway({ threads: 2, simulator: first, config: configOf() });
});
after(async () => {
  await gateway.stop();
  await first.close();
  await second.close();
});

const clientOf = (apiKey = testKey, url = gateway.url) =>
  new OpenAI({ apiKey, baseURL: `${url}/v1`, maxRetries: 0 });
const calls = () => first.calls().length + second.calls().length;
/** Two simulators count alike: their ids are told apart by numbers. */
const notFound = (promise: Promise<unknown>) => assert.rejects(promise, OpenAI.NotFoundError);

describe('a stored response', () => {
  test('is read, listed, cancelled and deleted by the project that made it, on any thread', async () => {
    const made = await clientOf().responses.create({ model: 'r1/gpt-sim', input: 'hello' });
    // New connections: the kernel spreads them over both threads.
    for (let i = 0; i < 8; i++) {
      const headers = { authorization: `Bearer ${i % 2 ? testKey : siblingKey}`, connection: 'close' };
      const read = await fetch(`${gateway.url}/v1/responses/${made.id}?include[]=x&api-version=1`, {
        headers,
      });
      assert.equal(read.status, 200);
      assert.equal(((await read.json()) as { id: string }).id, made.id);
    }
    assert.equal(first.calls().at(-1)!.requestHeaders!['authorization'], 'Bearer sk-upstream');
    const items = await clientOf().responses.inputItems.list(made.id);
    assert.equal(items.data.length, 1);
    assert.equal((await clientOf().responses.cancel(made.id)).status, 'cancelled');
    await clientOf().responses.delete(made.id);
    const before = calls();
    await notFound(clientOf().responses.retrieve(made.id));
    assert.equal(calls(), before, 'what is gone is not asked for');
  });

  test("is nobody else's: the provider is not even asked", async () => {
    const made = await clientOf().responses.create({ model: 'r1/gpt-sim', input: 'hello' });
    const stranger = clientOf(strangerKey);
    const before = calls();
    await notFound(stranger.responses.retrieve(made.id));
    await notFound(stranger.responses.delete(made.id));
    await notFound(stranger.responses.cancel(made.id));
    await notFound(Promise.resolve(stranger.responses.inputItems.list(made.id)));
    await notFound(
      stranger.responses.create({ model: 'r1/gpt-sim', input: 'x', previous_response_id: made.id }),
    );
    const item = { type: 'item_reference' as const, id: made.output[0]!.id! };
    await notFound(stranger.responses.create({ model: 'r1/gpt-sim', input: [item] }));
    await notFound(stranger.responses.create({ model: 'r1/gpt-sim', input: 'x', conversation: 'conv_1' }));
    assert.equal(calls(), before);
    assert.equal((await clientOf().responses.retrieve(made.id)).id, made.id);
  });

  for (const stream of [false, true]) {
    test(`goes on where it is kept, whatever the balancing says; ${stream ? 'streamed' : 'whole'}`, async () => {
      // So that no two providers give the same id.
      for (const simulator of [first, second]) simulator.reset();
      await clientOf().responses.create({ model: 'r1/gpt-sim', input: 'one ahead', store: false });
      const kept: { id: string; item: string }[] = [];
      for (let i = 0; i < 2; i++) {
        const model = `r${i + 1}/gpt-sim`;
        if (!stream) {
          const { id, output } = await clientOf().responses.create({ model, input: 'hello' });
          kept.push({ id, item: output[0]!.id! });
          continue;
        }
        let id = '';
        let item = '';
        for await (const event of await clientOf().responses.create({ model, input: 'hello', stream })) {
          if (event.type === 'response.created') {
            id = event.response.id;
            // Named already, while the rest is still to come.
            assert.equal((await clientOf(siblingKey).responses.retrieve(id).catch(statusOf)) !== 404, true);
          }
          if (event.type === 'response.output_item.done') item = event.item.id!;
        }
        kept.push({ id, item });
      }
      for (const [i, { id, item }] of kept.entries())
        for (let turn = 0; turn < 3; turn++) {
          const before = [first.calls().length, second.calls().length];
          const answer = await clientOf().responses.create({
            model: 'both',
            input: [
              { type: 'item_reference', id: item },
              { role: 'user', content: 'go on' },
            ],
            previous_response_id: id,
          });
          assert.ok(answer.id);
          const made = [first.calls().length - before[0]!, second.calls().length - before[1]!];
          assert.deepEqual(made, i === 0 ? [1, 0] : [0, 1]);
        }
      await assert.rejects(
        clientOf().responses.create({
          model: 'r2/gpt-sim',
          input: 'go on',
          previous_response_id: kept[0]!.id,
        }),
        /kept at the provider "r1", which does not serve/,
      );
    });
  }

  test('that was asked not to be stored has no name', async () => {
    const made = await clientOf().responses.create({ model: 'r1/gpt-sim', input: 'hello', store: false });
    await notFound(clientOf().responses.retrieve(made.id));
    await notFound(clientOf().responses.create({ model: 'both', input: 'x', previous_response_id: made.id }));
  });

  test('refused by its provider is an error in the words of the dialect', async () => {
    const made = await clientOf().responses.create({ model: 'r1/gpt-sim', input: 'hello' });
    first.reset();
    await assert.rejects(clientOf().responses.retrieve(made.id), /No such thing/);
  });
});

test('what is kept is still known after a kill -9, and a restart', async (t) => {
  const cwd = emptyFolder();
  const config = standardConfig(first.url, configOf());
  delete config['listen'];
  delete config['admin'];
  writeFileSync(join(cwd, 'sluice.yaml'), stringify(config));
  const running = await startCommand(t, { cwd, args: ['--config', 'sluice.yaml'] });
  const made = await clientOf(testKey, running.url).responses.create({ model: 'r1/gpt-sim', input: 'hello' });
  await running.kill();
  const again = await startCommand(t, { cwd, args: ['--config', 'sluice.yaml'] });
  assert.equal((await clientOf(testKey, again.url).responses.retrieve(made.id)).id, made.id);
  await notFound(clientOf(strangerKey, again.url).responses.retrieve(made.id));
  await again.stop();
});

const statusOf = (error: unknown): number => (error instanceof OpenAI.APIError ? (error.status ?? 0) : 0);
