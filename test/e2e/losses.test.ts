/** What a target of another dialect cannot carry is said in a header and on the receipt, or refused in strict mode. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Anthropic from '../clients/node_modules/@anthropic-ai/sdk/index.mjs';
import OpenAI from '../clients/node_modules/openai/index.mjs';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

let gateway: TestGateway;
let openai: OpenAI;
let anthropic: Anthropic;
before(async () => {
  gateway = await startTestGateway({
    config: {
      models: { either: { targets: ['a/claude-sim', 'o/gpt-sim'] } },
      routes: [
        {
          name: 'strict',
          match: { path: '/strict/v1/**' },
          stripPrefix: '/strict',
          to: { llm: { strict: true } },
        },
        { name: 'llm', match: { path: '/v1/**' }, to: { llm: {} } },
      ],
    },
  });
  openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: testKey, maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: gateway.url, apiKey: testKey, maxRetries: 0 });
});
after(() => gateway.stop());

const ask = [{ role: 'user' as const, content: 'Hello' }];
const strict = { headers: { 'x-sluice-strict': 'true' } };

async function receiptOf(headers: Headers) {
  const id = headers.get('x-sluice-exchange')!;
  for (const until = Date.now() + 10_000; Date.now() < until;) {
    const answer = await gateway.admin(`/v1/receipts/${id}`);
    if (answer.ok)
      return (await answer.json()) as {
        outcome: string;
        dropped: string[];
        attempts: unknown[];
        fault: string;
      };
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`no receipt of ${id}`);
}

test('openai: dropped fields stand in the header of a stream and of a whole answer, and on the receipt', async () => {
  const call = { model: 'a/claude-sim', messages: ask, seed: 7, n: 2 };
  const whole = await openai.chat.completions.create(call).withResponse();
  const stream = await openai.chat.completions.create({ ...call, stream: true }).withResponse();
  for await (const _ of stream.data);
  for (const { response } of [whole, stream]) {
    assert.equal(response.headers.get('x-sluice-dropped'), 'seed, n');
    const receipt = await receiptOf(response.headers);
    assert.deepEqual(receipt.dropped, ['seed', 'n']);
    assert.equal(receipt.outcome, 'completed');
  }
});

test('anthropic: dropped fields stand in the header', async () => {
  const { response } = await anthropic.messages
    .create({
      model: 'o/gpt-sim',
      max_tokens: 9,
      system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
      messages: ask,
    })
    .withResponse();
  assert.equal(response.headers.get('x-sluice-dropped'), 'messages[].content[].cache_control');
});

test('within a dialect, or without a loss, there is no such header', async () => {
  const same = await openai.chat.completions
    .create({ model: 'o/gpt-sim', messages: ask, seed: 7 })
    .withResponse();
  const other = await openai.chat.completions
    .create({ model: 'a/claude-sim', messages: ask }, strict)
    .withResponse();
  for (const { response } of [same, other]) assert.equal(response.headers.get('x-sluice-dropped'), null);
});

test('openai: in strict mode the call is refused, naming every field, and nothing is sent', async () => {
  gateway.simulator.reset();
  const call = openai.chat.completions.create(
    { model: 'a/claude-sim', messages: ask, seed: 7, n: 2 },
    strict,
  );
  const error = await call.then(
    () => assert.fail('it was not refused'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof OpenAI.BadRequestError);
  assert.equal(error.code, 'dialect/not-carried');
  assert.equal(error.param, 'seed');
  assert.match(error.message, /seed .*; n /);
  assert.equal(gateway.simulator.calls().length, 0);
  const receipt = await receiptOf(error.headers);
  assert.equal(receipt.outcome, 'refused');
  assert.equal(receipt.fault, 'dialect/not-carried');
  assert.deepEqual(receipt.attempts, []);
});

test('anthropic: in strict mode the call is refused', async () => {
  gateway.simulator.reset();
  const call = { model: 'o/gpt-sim', max_tokens: 9, messages: ask, top_k: 5 };
  await assert.rejects(
    anthropic.messages.create(call, strict),
    (error: unknown) => error instanceof Anthropic.BadRequestError && /top_k/.test(error.message),
  );
  assert.equal(gateway.simulator.calls().length, 0);
});

test('a route can be strict by itself; a caller can lift that', async () => {
  const client = new OpenAI({ baseURL: `${gateway.url}/strict/v1`, apiKey: testKey, maxRetries: 0 });
  const call = { model: 'a/claude-sim', messages: ask, seed: 7 };
  await assert.rejects(client.chat.completions.create(call), OpenAI.BadRequestError);
  const { response } = await client.chat.completions
    .create(call, { headers: { 'x-sluice-strict': 'false' } })
    .withResponse();
  assert.equal(response.headers.get('x-sluice-dropped'), 'seed');
});

test('when another target takes over, only what that one cannot carry is named', async () => {
  gateway.simulator.reset();
  gateway.simulator.enqueue({ status: 500 });
  const { response } = await openai.chat.completions
    .create({ model: 'either', messages: ask, seed: 7 })
    .withResponse();
  assert.equal(response.headers.get('x-sluice-attempts'), '2');
  assert.equal(response.headers.get('x-sluice-dropped'), null);
  assert.deepEqual((await receiptOf(response.headers)).dropped, []);
});

test("a field's name cannot become a header of its own", async () => {
  const { response } = await openai.chat.completions
    .create({ model: 'a/claude-sim', messages: ask, ['a\r\nx-evil: 1\r\n\r\n<b>']: 1, ['ß🦜']: 2 } as never)
    .withResponse();
  assert.equal(response.headers.get('x-evil'), null);
  assert.match(response.headers.get('x-sluice-dropped')!, /^a.*x-evil/);
});
