import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from '../clients/node_modules/openai/index.mjs';
import { startSimulator, type Simulator } from '../../simulator/server.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { receiptOf } from '../harness/receipts.ts';

let near: Simulator;
let far: Simulator;
let gateway: TestGateway;
let client: OpenAI;

const models = {
  small: { targets: ['n/gpt-small'] },
  chat: {
    targets: ['n/gpt-large'],
    rules: [
      { when: 'call.images > 0 || call.documents > 0', use: 'n/gpt-vision' },
      { when: 'call.promptTokens < 500 && call.tools == 0', use: 'small' },
      { when: 'request.headers["x-absent"] == "x"', use: 'small' },
      { when: 'call.language == "zh"', use: 'f/gpt-zh' },
    ],
  },
  cheap: { strategy: 'cost', targets: ['f/gpt-dear', 'n/gpt-dear', 'n/gpt-free'] },
  ample: { strategy: 'quota', targets: ['n/gpt-a', 'f/gpt-b'] },
  fast: { strategy: 'throughput', targets: ['n/gpt-a', 'f/gpt-b'] },
  soon: { strategy: 'latency', targets: ['n/gpt-a', 'f/gpt-b'] },
};

before(async () => {
  near = await startSimulator();
  far = await startSimulator();
  const provider = (simulator: Simulator) => ({
    dialect: 'openai-chat',
    baseUrl: `${simulator.url}/v1`,
    apiKey: 'sk-upstream',
  });
  gateway = await startTestGateway({
    simulator: near,
    config: {
      providers: { n: provider(near), f: provider(far) },
      prices: {
        'f/gpt-dear': { input: '1', output: '100' },
        'n/gpt-dear': { input: '20', output: '40' },
        'n/gpt-free': { input: '30', output: '30' },
      },
      models,
    },
  });
  client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: testKey, maxRetries: 0 });
});
after(async () => {
  await gateway.stop();
  await near.close();
  await far.close();
});

/** Name of the model that was called. */
async function ask(model: string, content: unknown, more: object = {}): Promise<string | null | undefined> {
  near.reset();
  far.reset();
  await client.chat.completions.create({
    model,
    messages: [{ role: 'user', content: content as string }],
    ...more,
  });
  return [...near.calls(), ...far.calls()].at(-1)?.model;
}

const tools = [
  { type: 'function' as const, function: { name: 'look', parameters: { type: 'object', properties: {} } } },
];
const long = 'word '.repeat(600);

test('short prompts without tools go to a small model, the others to the model that was asked for', async () => {
  assert.equal(await ask('chat', 'Hello there.'), 'gpt-small');
  assert.equal(await ask('chat', 'Hello there.', { tools }), 'gpt-large');
  assert.equal(await ask('chat', long), 'gpt-large');
});

test('rules see pictures and guess languages; one that fails leads nowhere, and is counted', async () => {
  const url = 'data:image/png;base64,iVBORw0KGgo=';
  assert.equal(await ask('chat', [{ type: 'image_url', image_url: { url } }]), 'gpt-vision');
  assert.equal(await ask('chat', '请告诉我明天的天气怎么样。'.repeat(200)), 'gpt-zh');
  const metrics = await (await gateway.admin('/metrics')).text();
  assert.match(metrics, /^sluice_model_rule_failures_total\{model="chat"\} [1-9]/m);
});

test('the receipt says what was asked for, and who answered', async () => {
  const { response } = await client.chat.completions
    .create({ model: 'chat', messages: [{ role: 'user', content: 'Hello.' }] })
    .withResponse();
  const receipt = await receiptOf(gateway, response.headers.get('x-sluice-exchange')!);
  assert.equal(receipt.requestedModel, 'chat');
  assert.equal(receipt.attempts[0]!.model, 'gpt-small');
});

test('explain tells which rule holds, and in which order targets are tried', async () => {
  const explain = async (model: string, content: string | null, more: object = {}) => {
    const body = content && JSON.stringify({ model, messages: [{ role: 'user', content }], ...more });
    const response = await gateway.admin('/v1/explain', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ method: 'POST', url: '/v1/chat/completions', headers: [], model, body }),
    });
    return (await response.json()) as {
      rules: { holds: boolean | null; why: string }[];
      strategy: string | null;
      targets: string[];
    };
  };
  const short = await explain('chat', 'Hello.');
  assert.deepEqual(
    short.rules.map(({ holds }) => holds),
    [false, true, null, null],
  );
  assert.match(short.targets.join(), /^n\/gpt-small at /);
  const unknown = await explain('chat', null);
  assert.ok(unknown.rules.every(({ holds, why }) => holds === null && why.includes('body')));
  const large = await explain('chat', long);
  assert.match(large.rules[2]!.why, /could not be evaluated: No such key/);
  assert.match(large.targets.join(), /^n\/gpt-large at /);
  const cheap = await explain('cheap', long, { max_completion_tokens: 10 });
  assert.match(cheap.strategy!, /^cost/);
  assert.match(cheap.targets[0]!, /^f\/gpt-dear/);
});

test('cost: the cheapest for this very call', async () => {
  // Much in and little out, little in and much out, and something of both.
  assert.equal(await ask('cheap', long, { max_completion_tokens: 1 }), 'gpt-dear');
  assert.equal(await ask('cheap', 'Hi', { max_completion_tokens: 5000 }), 'gpt-free');
});

test('quota: calls go where more is left', async () => {
  near.reset();
  far.reset();
  near.defaults = { rateLimitRemaining: 10 };
  far.defaults = { rateLimitRemaining: 9000 };
  const counts = { near: 0, far: 0 };
  for (let i = 0; i < 12; i++) {
    await client.chat.completions.create({ model: 'ample', messages: [{ role: 'user', content: 'Hi' }] });
  }
  counts.near = near.calls().length;
  counts.far = far.calls().length;
  near.reset();
  far.reset();
  assert.equal(counts.near + counts.far, 12);
  assert.ok(counts.far >= 9, JSON.stringify(counts));
  const { upstreams } = (await (await gateway.admin('/v1/upstreams')).json()) as {
    upstreams: { group: string; members: { id: string; quotaLeft: number | null }[] }[];
  };
  const members = upstreams.find(({ group }) => group === 'model/ample')!.members;
  assert.ok(members.every(({ quotaLeft }) => quotaLeft !== null));
});

test('a rule with a mistake in it is refused with its place', async () => {
  const check = async (rule: object) => {
    const response = await gateway.admin('/v1/config/check', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        text: JSON.stringify({
          version: 1,
          providers: { n: { dialect: 'openai-chat', baseUrl: near.url } },
          models: { m: { targets: ['n/x'], rules: [rule] } },
        }),
      }),
    });
    return (await response.text()).toString();
  };
  assert.match(await check({ when: 'call.tool == 0', use: 'n/x' }), /No such key: tool.*at character 6/);
  assert.match(await check({ when: 'call.tools', use: 'n/x' }), /it is a int, and must be true or false/);
  assert.match(await check({ when: 'true', use: 'smal' }), /unknown model/);
});
