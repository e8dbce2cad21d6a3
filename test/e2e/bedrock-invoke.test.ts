import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { awsSecretOf } from '../../simulator/aws-signature.ts';
import { startSimulator, type Simulator } from '../../simulator/server.ts';
import {
  BedrockRuntimeClient,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
  ThrottlingException,
  ValidationException,
} from '../harness/bedrock-runtime.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { countsOf, receiptOf } from '../harness/receipts.ts';

const script = (options: object) => `simulate:${JSON.stringify(options)}`;
let gateway: TestGateway;
let simulator: Simulator;
let client: InstanceType<typeof BedrockRuntimeClient>;

before(async () => {
  simulator = await startSimulator({ port: 0 });
  gateway = await startTestGateway({
    simulator,
    config: {
      providers: {
        b: {
          kind: 'bedrock-claude',
          baseUrl: simulator.url,
          speaks: [{ dialect: 'bedrock-invoke' }],
          aws: { region: 'us-east-1', accessKeyId: 'AKIACLAUDE', secretAccessKey: awsSecretOf('AKIACLAUDE') },
        },
        a: { kind: 'anthropic', baseUrl: simulator.url, apiKey: 'sk-upstream' },
        o: { dialect: 'openai-chat', baseUrl: `${simulator.url}/v1`, apiKey: 'sk-upstream' },
      },
      prices: {},
      routes: [{ name: 'llm', match: { path: '/**' }, to: { llm: {} } }],
    },
  });
  client = new BedrockRuntimeClient({
    region: 'us-east-1',
    endpoint: gateway.url,
    token: { token: testKey },
    authSchemePreference: ['httpBearerAuth'],
    maxAttempts: 1,
  });
});
after(async () => {
  client.destroy();
  await gateway.stop();
  await simulator.close();
});

const lastCall = () => simulator.calls().at(-1)!;
const ask = (modelId: string, options: object, more: object = {}) => ({
  modelId,
  contentType: 'application/json',
  body: JSON.stringify({
    anthropic_version: 'bedrock-2023-05-31',
    max_tokens: 2000,
    messages: [{ role: 'user', content: script(options) }],
    ...more,
  }),
});

interface Message {
  readonly content: { type: string; text?: string; input?: unknown }[];
  readonly stop_reason: string;
  readonly usage: { input_tokens: number; output_tokens: number };
}
type Event = { type: string; index?: number; delta?: Record<string, unknown>; message?: Message };

async function invoke(...of: Parameters<typeof ask>) {
  const answer = await client.send(new InvokeModelCommand(ask(...of)));
  return JSON.parse(new TextDecoder().decode(answer.body)) as Message;
}

async function stream(...of: Parameters<typeof ask>): Promise<Event[]> {
  const answer = await client.send(new InvokeModelWithResponseStreamCommand(ask(...of)));
  const events: Event[] = [];
  for await (const { chunk } of answer.body!)
    events.push(JSON.parse(new TextDecoder().decode(chunk!.bytes)) as Event);
  return events;
}

const textIn = (events: readonly Event[]) =>
  events.map(({ delta }) => String(delta?.['text'] ?? '')).join('');
const tools = [{ name: 'get_weather', arguments: { city: 'Köln' } }];
const declared = { tools: [{ name: 'get_weather', input_schema: { type: 'object' } }] };

for (const model of ['b/us.anthropic.claude-sim-v1:0', 'a/claude-sim', 'o/gpt-sim']) {
  describe(`InvokeModel of AWS's SDK → ${model}`, () => {
    test('whole, with its usage on the receipt', async () => {
      const message = await invoke(model, { text: 'Grüße, 世界.' });
      assert.deepEqual(message.content, [{ type: 'text', text: 'Grüße, 世界.' }]);
      assert.equal(message.stop_reason, 'end_turn');
      const receipt = await receiptOf(gateway, lastCall().exchangeId!);
      assert.deepEqual(countsOf(receipt.attempts.at(-1)!), { input: message.usage.input_tokens, output: 2 });
    });

    test('streamed: text and a tool', async () => {
      const events = await stream(model, { text: 'Grüße, 世界.', tools }, declared);
      assert.equal(textIn(events), 'Grüße, 世界.');
      const json = events.map(({ delta }) => String(delta?.['partial_json'] ?? '')).join('');
      assert.deepEqual(JSON.parse(json), { city: 'Köln' });
      const types = events.map(({ type }) => type);
      assert.equal(types[0], 'message_start');
      assert.deepEqual(types.slice(-2), ['message_delta', 'message_stop']);
      assert.equal(events.at(-2)!.delta!['stop_reason'], 'tool_use');
    });

    test('a tool, whole', async () => {
      const message = await invoke(model, { tools }, declared);
      assert.deepEqual(message.content.at(-1)!.input, { city: 'Köln' });
    });

    test("errors are of the SDK's own classes, before and inside of a stream", async () => {
      await assert.rejects(invoke(model, { status: 429, errorMessage: 'Slow down' }), (error: unknown) => {
        assert.ok(error instanceof ThrottlingException);
        assert.match(error.message, /Slow down/);
        return true;
      });
      await assert.rejects(stream(model, { text: 'One two three.', errorInStreamAt: 2 }), (error: Error) =>
        /Exception$/.test(error.name),
      );
    });
  });
}

test('bytes pass to Bedrock: frames, fields that nobody knows, and betas of the body', async () => {
  await invoke(
    'b/m',
    { text: 'Hi.' },
    { anthropic_beta: ['one-2025-01-01'], context_management: { edits: [] } },
  );
  assert.equal(lastCall().path, '/model/m/invoke');
  const body = lastCall().body as Record<string, unknown>;
  assert.deepEqual(body['context_management'], { edits: [] });
  assert.deepEqual(body['anthropic_beta'], ['one-2025-01-01']);
  await stream('b/m', { text: 'Hi.' });
  assert.equal(lastCall().path, '/model/m/invoke-with-response-stream');
});

test('bodies in the formats of others are refused where they must be understood', async () => {
  const asked = client.send(
    new InvokeModelCommand({ modelId: 'o/gpt-sim', body: JSON.stringify({ inputText: 'hi' }) }),
  );
  await assert.rejects(asked, (error: unknown) => {
    assert.ok(error instanceof ValidationException);
    assert.match(error.message, /in the format of Claude/);
    return true;
  });
});
