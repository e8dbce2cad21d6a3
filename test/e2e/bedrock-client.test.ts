import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type {
  ConverseCommandInput,
  Message,
} from '../clients/node_modules/@aws-sdk/client-bedrock-runtime/dist-types/index.d.ts';
import {
  AccessDeniedException,
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
  ThrottlingException,
  ValidationException,
} from '../harness/bedrock-runtime.ts';
import { everyDialect } from '../harness/every-dialect.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { countsOf, receiptOf } from '../harness/receipts.ts';

let gateway: TestGateway;
let client: InstanceType<typeof BedrockRuntimeClient>;
before(async () => {
  gateway = await startTestGateway(await everyDialect());
  client = clientOf(testKey);
});
after(async () => {
  client.destroy();
  await gateway.stop();
  await gateway.simulator.close();
});

/** Its own handler, which speaks HTTP/2 with prior knowledge; an API key as it takes one. */
const clientOf = (token: string) =>
  new BedrockRuntimeClient({
    region: 'us-east-1',
    endpoint: gateway.url,
    token: { token },
    authSchemePreference: ['httpBearerAuth'],
    maxAttempts: 1,
  });

const script = (options: object) => `simulate:${JSON.stringify(options)}`;
const ask = (text: string): Message[] => [{ role: 'user', content: [{ text }] }];
const textOf = (content: { text?: string | undefined }[] | undefined) =>
  (content ?? []).map(({ text }) => text ?? '').join('');
const toolConfig: ConverseCommandInput['toolConfig'] = {
  tools: ['get_weather', 'get_time'].map((name) => ({
    toolSpec: {
      name,
      description: `${name} of a city`,
      inputSchema: {
        json: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
      },
    },
  })),
};

async function readStream(input: ConverseCommandInput) {
  const answer = await client.send(new ConverseStreamCommand(input));
  let text = '';
  let reasoning = '';
  let signature = '';
  const tools: { id: string; name: string; input: string }[] = [];
  let stop: string | undefined;
  let usage: { inputTokens?: number | undefined; outputTokens?: number | undefined } | undefined;
  for await (const event of answer.stream!) {
    const start = event.contentBlockStart?.start?.toolUse;
    if (start) tools.push({ id: start.toolUseId!, name: start.name!, input: '' });
    const delta = event.contentBlockDelta?.delta;
    text += delta?.text ?? '';
    reasoning += delta?.reasoningContent?.text ?? '';
    signature += delta?.reasoningContent?.signature ?? '';
    if (delta?.toolUse) tools.at(-1)!.input += delta.toolUse.input;
    stop = event.messageStop?.stopReason ?? stop;
    usage = event.metadata?.usage ?? usage;
  }
  return { text, reasoning, signature, tools, stop, usage, id: answer.$metadata.requestId };
}

const lastCall = () => gateway.simulator.calls().at(-1)!;

for (const modelId of ['b/claude-sim', 'a/claude-sim', 'o/gpt-sim', 'g/gemini-sim', 'r/gpt-sim']) {
  describe(`AWS SDK → ${modelId}`, () => {
    test('text, whole, with its usage on the receipt', async () => {
      const answer = await client.send(
        new ConverseCommand({
          modelId,
          messages: ask(script({ text: 'Hello there, friend.' })),
          system: [{ text: 'Be kind.' }],
          inferenceConfig: { maxTokens: 50 },
        }),
      );
      assert.equal(textOf(answer.output?.message?.content), 'Hello there, friend.');
      assert.equal(answer.stopReason, 'end_turn');
      assert.equal(answer.usage?.outputTokens, 3);
      const exchange = lastCall().exchangeId!;
      const receipt = await receiptOf(gateway, exchange);
      assert.equal(receipt.outcome, 'completed');
      assert.deepEqual(countsOf(receipt.attempts.at(-1)!), { input: answer.usage?.inputTokens, output: 3 });
    });

    test('text and thinking, streamed', async () => {
      const said = await readStream({
        modelId,
        messages: ask(script({ text: 'Yes, größer. 大', reasoning: 'Let me think.' })),
        inferenceConfig: { maxTokens: 5000 },
        additionalModelRequestFields: { thinking: { type: 'enabled', budget_tokens: 1024 } },
      });
      assert.equal(said.text, 'Yes, größer. 大');
      assert.equal(said.reasoning, 'Let me think.');
      assert.equal(said.stop, 'end_turn');
      assert.ok(said.usage!.outputTokens! > 0);
    });

    test('a tool loop, two calls at once, streamed', async () => {
      const messages = ask(
        script({
          tools: [
            { name: 'get_weather', arguments: { city: 'Oslo' } },
            { name: 'get_time', arguments: {} },
          ],
        }),
      );
      const first = await readStream({ modelId, messages, toolConfig });
      assert.deepEqual(
        first.tools.map(({ name, input }) => [name, JSON.parse(input || '{}')]),
        [
          ['get_weather', { city: 'Oslo' }],
          ['get_time', {}],
        ],
      );
      assert.equal(first.stop, 'tool_use');
      const answer = await client.send(
        new ConverseCommand({
          modelId,
          toolConfig,
          messages: [
            ...messages,
            {
              role: 'assistant',
              content: first.tools.map(({ id, name, input }) => ({
                toolUse: { toolUseId: id, name, input: JSON.parse(input || '{}') as never },
              })),
            },
            {
              role: 'user',
              content: [
                ...first.tools.map(({ id }) => ({
                  toolResult: { toolUseId: id, content: [{ text: 'fine' }] },
                })),
                { text: script({ text: 'All is fine.' }) },
              ],
            },
          ],
        }),
      );
      assert.equal(textOf(answer.output?.message?.content), 'All is fine.');
    });

    test('structured output', async () => {
      const schema = {
        type: 'object',
        properties: { city: { type: 'string' } },
        required: ['city'],
        additionalProperties: false,
      };
      const answer = await client.send(
        new ConverseCommand({
          modelId,
          messages: ask('Which city?'),
          outputConfig: {
            textFormat: {
              type: 'json_schema',
              structure: { jsonSchema: { schema: JSON.stringify(schema), name: 'place' } },
            },
          },
        }),
      );
      assert.equal(
        typeof (JSON.parse(textOf(answer.output?.message?.content)) as { city: string }).city,
        'string',
      );
    });

    test('errors are of their classes', async () => {
      gateway.simulator.enqueue({ status: 429, retryAfter: 3 });
      await assert.rejects(
        client.send(new ConverseCommand({ modelId, messages: ask('x') })),
        ThrottlingException,
      );
      gateway.simulator.enqueue({ status: 400 });
      await assert.rejects(
        client.send(new ConverseCommand({ modelId, messages: ask('x') })),
        ValidationException,
      );
      gateway.simulator.enqueue({ errorInStreamAt: 2, tokens: 5 });
      await assert.rejects(readStream({ modelId, messages: ask('x') }), Error);
    });

    test('a client that goes takes the upstream with it', async () => {
      const messages = ask(script({ tokens: 400, paceMs: 10 }));
      const abort = new AbortController();
      const answer = await client.send(new ConverseStreamCommand({ modelId, messages }), {
        abortSignal: abort.signal,
      });
      // What it gives of a stream that it was told to leave is that it has ended.
      for await (const { contentBlockDelta } of answer.stream!) if (contentBlockDelta) abort.abort();
      const call = lastCall();
      for (const until = Date.now() + 5_000; call.finished !== 'client-gone' && Date.now() < until;)
        await new Promise((resolve) => setTimeout(resolve, 10));
      assert.equal(call.finished, 'client-gone');
      assert.equal((await receiptOf(gateway, call.exchangeId!)).outcome, 'client_gone');
    });
  });
}

test('proofs of thinking go back to who made them, and to nobody else', async () => {
  const thinking = { thinking: { type: 'enabled', budget_tokens: 1024 } };
  const inferenceConfig = { maxTokens: 5000 };
  for (const modelId of ['b/claude-sim', 'a/claude-sim']) {
    const messages = ask(script({ text: 'Yes.', reasoning: 'Let me think.' }));
    const first = await client.send(
      new ConverseCommand({ modelId, messages, inferenceConfig, additionalModelRequestFields: thinking }),
    );
    const answer = await client.send(
      new ConverseCommand({
        modelId,
        messages: [...messages, first.output!.message!, ...ask(script({ text: 'Still yes.' }))],
        inferenceConfig,
        additionalModelRequestFields: thinking,
      }),
    );
    // The simulator refuses any signature that it did not make.
    assert.equal(textOf(answer.output?.message?.content), 'Still yes.');
    assert.match(JSON.stringify(lastCall().body), /Let me think/);
  }
});

test('a name with slashes and colons, escaped as the SDK does it', async () => {
  const answer = await client.send(
    new ConverseCommand({
      modelId: 'b/arn:aws:bedrock:eu-1:1:inference-profile/eu.claude-v1:0',
      messages: ask('hi'),
    }),
  );
  assert.equal(answer.stopReason, 'end_turn');
  assert.equal(lastCall().model, 'arn:aws:bedrock:eu-1:1:inference-profile/eu.claude-v1:0');
});

test('a wrong key', async () => {
  const other = clientOf('sk-wrong');
  await assert.rejects(
    other.send(new ConverseCommand({ modelId: 'b/claude-sim', messages: ask('x') })),
    AccessDeniedException,
  );
  other.destroy();
});
