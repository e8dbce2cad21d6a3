import assert from 'node:assert/strict';
import Anthropic from '../clients/node_modules/@anthropic-ai/sdk/index.mjs';
import { after, before, describe, test } from 'node:test';
import { awsSecretOf } from '../../simulator/aws-signature.ts';
import { startSimulator, type Simulator } from '../../simulator/server.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { countsOf, receiptOf } from '../harness/receipts.ts';

const script = (options: object) => `simulate:${JSON.stringify(options)}`;
let gateway: TestGateway;
let simulator: Simulator;
let client: Anthropic;
/** Of the last answer. */
let exchange = '';

before(async () => {
  simulator = await startSimulator({ port: 0 });
  const places = '/v1/projects/shop/locations/global/publishers/anthropic';
  gateway = await startTestGateway({
    simulator,
    config: {
      providers: {
        b: {
          kind: 'bedrock-claude',
          baseUrl: simulator.url,
          aws: { region: 'us-east-1', accessKeyId: 'AKIACLAUDE', secretAccessKey: awsSecretOf('AKIACLAUDE') },
        },
        wrong: {
          kind: 'bedrock-claude',
          baseUrl: simulator.url,
          aws: {
            region: 'us-east-1',
            accessKeyId: 'AKIA',
            secretAccessKey: 'x',
            sessionToken: 'token-of-it',
          },
        },
        // Tokens have tests of their own.
        v: { kind: 'vertex-claude', baseUrl: simulator.url + places, apiKey: 'ya29.token' },
      },
      prices: { 'b/*': { input: '3', output: '15' }, 'v/*': { input: '3', output: '15' } },
      routes: [{ name: 'llm', match: { path: '/**' }, to: { llm: {} } }],
    },
  });
  client = new Anthropic({
    apiKey: testKey,
    baseURL: gateway.url,
    maxRetries: 0,
    async fetch(input, init) {
      const answer = await fetch(input, init);
      exchange = answer.headers.get('x-sluice-exchange') ?? '';
      return answer;
    },
  });
});
after(async () => {
  await gateway.stop();
  await simulator.close();
});

const lastCall = () => simulator.calls().at(-1)!;
const sent = () => lastCall().body as Record<string, unknown>;
const ask = (model: string, options: object) => ({
  model,
  max_tokens: 200,
  messages: [{ role: 'user' as const, content: script(options) }],
});
const hosts = {
  'b/us.anthropic.claude-sim-v1:0': {
    version: 'bedrock-2023-05-31',
    whole: '/model/us.anthropic.claude-sim-v1%3A0/invoke',
    streamed: '/model/us.anthropic.claude-sim-v1%3A0/invoke-with-response-stream',
    inBody: false,
  },
  'v/claude-sim@20250929': {
    version: 'vertex-2023-10-16',
    whole: '/v1/projects/shop/locations/global/publishers/anthropic/models/claude-sim@20250929:rawPredict',
    streamed:
      '/v1/projects/shop/locations/global/publishers/anthropic/models/claude-sim@20250929:streamRawPredict',
    inBody: true,
  },
};

for (const [model, host] of Object.entries(hosts)) {
  describe(`Anthropic's SDK → ${model}`, () => {
    test('whole, with all that it wrote', async () => {
      const message = await client.messages.create({
        ...ask(model, { text: 'Hello there, friend.' }),
        context_management: { edits: [] },
      } as never);
      assert.deepEqual(
        message.content.map((block) => block.type === 'text' && block.text),
        ['Hello there, friend.'],
      );
      assert.equal(lastCall().path, host.whole);
      const { anthropic_version: version, context_management: unknown, ...rest } = sent();
      assert.deepEqual([version, unknown], [host.version, { edits: [] }]);
      assert.deepEqual(Object.keys(rest).sort(), ['max_tokens', 'messages']);
      const receipt = await receiptOf(gateway, exchange);
      assert.deepEqual(countsOf(receipt.attempts.at(-1)!), { input: message.usage.input_tokens, output: 3 });
    });

    test('streamed: text, thinking with its signature, tools', async () => {
      const tools = [{ name: 'get_weather', arguments: { city: 'Bern' } }];
      const stream = client.messages.stream({
        ...ask(model, { text: 'Let us see.', reasoning: 'Hm, the weather.', tools }),
        max_tokens: 2000,
        thinking: { type: 'enabled', budget_tokens: 1024 },
        tools: [{ name: 'get_weather', input_schema: { type: 'object' } }],
      });
      const message = await stream.finalMessage();
      const [thinking, text, tool] = message.content;
      assert.ok(
        thinking?.type === 'thinking' && thinking.thinking === 'Hm, the weather.' && thinking.signature,
      );
      assert.ok(text?.type === 'text' && text.text === 'Let us see.');
      assert.ok(tool?.type === 'tool_use');
      assert.deepEqual(tool.input, { city: 'Bern' });
      assert.equal(message.stop_reason, 'tool_use');
      assert.equal(lastCall().path, host.streamed);
      assert.equal('stream' in sent(), host.inBody);
      const receipt = await receiptOf(gateway, exchange);
      assert.equal(receipt.outcome, 'completed');
      const { 'output/reasoning': thoughts = 0, output = 0, input } = countsOf(receipt.attempts.at(-1)!);
      assert.deepEqual([input, output + thoughts], [message.usage.input_tokens, message.usage.output_tokens]);
      // What it thought goes back, and is known as its own.
      await client.messages.create({
        ...ask(model, {}),
        max_tokens: 2000,
        thinking: { type: 'enabled', budget_tokens: 1024 },
        tools: [{ name: 'get_weather', input_schema: { type: 'object' } }],
        messages: [
          { role: 'user', content: 'Weather?' },
          { role: 'assistant', content: message.content },
          {
            role: 'user',
            content: [{ type: 'tool_result', tool_use_id: tool.id, content: script({ text: 'ok' }) }],
          },
        ],
      });
    });

    test('betas are asked for where the host takes them', async () => {
      const beta = { headers: { 'anthropic-beta': 'one-2025-01-01, two-2025-02-02' } };
      await client.messages.create(ask(model, { text: 'Hi.' }), beta);
      const inBody = host.inBody ? undefined : ['one-2025-01-01', 'two-2025-02-02'];
      assert.deepEqual(sent()['anthropic_beta'], inBody);
      assert.equal(lastCall().requestHeaders!['anthropic-beta'], 'one-2025-01-01, two-2025-02-02');
    });

    test("errors are those of Anthropic's own", async () => {
      const refused = client.messages.create(ask(model, { status: 429, errorMessage: 'Slow down' }));
      await assert.rejects(refused, (error: unknown) => {
        assert.ok(error instanceof Anthropic.RateLimitError);
        assert.match(error.message, /rate_limit_error.*Slow down/);
        return true;
      });
    });

    test('an error in the stream', async () => {
      const stream = client.messages.stream(ask(model, { text: 'One two three four.', errorInStreamAt: 2 }));
      await assert.rejects(stream.finalMessage(), (error: unknown) => error instanceof Anthropic.APIError);
    });
  });

  test(`clients of another dialect → ${model}`, async () => {
    for (const stream of [false, true]) {
      const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          model,
          stream,
          messages: [{ role: 'user', content: script({ text: 'Grüße.' }) }],
        }),
      });
      assert.equal(answer.status, 200);
      assert.match(await answer.text(), /Grüße\./);
      assert.equal(lastCall().path, stream ? host.streamed : host.whole);
    }
  });
}

test('a signature that is refused is told without what was signed', async () => {
  await assert.rejects(client.messages.create(ask('wrong/m', {})), (error: unknown) => {
    assert.ok(error instanceof Anthropic.PermissionDeniedError);
    assert.match(error.message, /does not match the signature/);
    assert.doesNotMatch(error.message, /canonical|token-of-it/i);
    return true;
  });
});

test('how much a call would take is counted here, where the host has no count', async () => {
  const { input_tokens: tokens } = await client.messages.countTokens({
    model: 'b/us.anthropic.claude-sim-v1:0',
    messages: [{ role: 'user', content: 'How many are these?' }],
  });
  assert.ok(tokens > 0);
});
