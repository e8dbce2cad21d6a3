import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Cohere, CohereClientV2 } from '../clients/node_modules/cohere-ai/index.js';
import { everyDialect } from '../harness/every-dialect.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { countsOf, receiptOf } from '../harness/receipts.ts';

let gateway: TestGateway;
let client: CohereClientV2;
/** Of the last answer. */
let exchange = '';
before(async () => {
  gateway = await startTestGateway(await everyDialect());
  client = clientOf(testKey);
});
after(async () => {
  await gateway.stop();
  await gateway.simulator.close();
});

const clientOf = (token: string) =>
  new CohereClientV2({
    token,
    environment: gateway.url,
    maxRetries: 0,
    async fetch(input: string | URL | Request, init?: RequestInit) {
      const answer = await fetch(input, init);
      exchange = answer.headers.get('x-sluice-exchange') ?? '';
      return answer;
    },
  });

const script = (options: object) => `simulate:${JSON.stringify(options)}`;
const ask = (content: string) => [{ role: 'user' as const, content }];
const tools = ['get_weather', 'get_time'].map((name) => ({
  type: 'function' as const,
  function: {
    name,
    description: `${name} of a city`,
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
}));
const textOf = (message: Cohere.AssistantMessageResponse) =>
  (message.content ?? []).map((part) => (part.type === 'text' ? part.text : '')).join('');

for (const model of ['c/command-sim', 'o/gpt-sim', 'a/claude-sim', 'l/llama-sim']) {
  describe(`cohere SDK → ${model}`, () => {
    test('text, whole, with its usage on the receipt', async () => {
      const answer = await client.chat({ model, messages: ask(script({ text: 'Hello there, friend.' })) });
      assert.equal(textOf(answer.message), 'Hello there, friend.');
      assert.equal(answer.finishReason, 'COMPLETE');
      const billed = answer.usage!.billedUnits!;
      assert.equal(billed.outputTokens, 3);
      const receipt = await receiptOf(gateway, exchange);
      assert.equal(receipt.outcome, 'completed');
      assert.deepEqual(countsOf(receipt.attempts.at(-1)!), { input: billed.inputTokens, output: 3 });
    });

    test('text and thinking, streamed', async () => {
      let text = '';
      let thinking = '';
      let last: Cohere.ChatMessageEndEventDelta | undefined;
      const messages = ask(script({ tokens: 12, reasoning: 'Let me see.' }));
      for await (const event of await client.chatStream({ model, messages })) {
        if (event.type === 'content-delta') {
          text += event.delta?.message?.content?.text ?? '';
          thinking += event.delta?.message?.content?.thinking ?? '';
        } else if (event.type === 'message-end') last = event.delta;
      }
      assert.equal(text.trim().split(/\s+/).length, 12);
      assert.equal(thinking, 'Let me see.');
      assert.equal(last?.finishReason, 'COMPLETE');
      assert.equal(last.usage?.billedUnits?.outputTokens, 15);
    });

    test('parallel tool calls, streamed and whole, and their results', async () => {
      const wish = ask(
        script({
          tools: [
            { name: 'get_weather', arguments: { city: 'Bern' } },
            { name: 'get_time', arguments: { city: 'Köln' } },
          ],
        }),
      );
      const whole = await client.chat({ model, tools, messages: wish });
      assert.equal(whole.finishReason, 'TOOL_CALL');
      const calls = whole.message.toolCalls!;
      const expected = [
        ['get_weather', { city: 'Bern' }],
        ['get_time', { city: 'Köln' }],
      ];
      assert.deepEqual(
        calls.map((call) => [call.function!.name, JSON.parse(call.function!.arguments!) as unknown]),
        expected,
      );
      const streamed: { name: string; json: string }[] = [];
      for await (const event of await client.chatStream({ model, tools, messages: wish })) {
        if (event.type === 'tool-call-start')
          streamed.push({ name: event.delta!.message!.toolCalls!.function!.name!, json: '' });
        else if (event.type === 'tool-call-delta')
          streamed.at(-1)!.json += event.delta!.message!.toolCalls!.function!.arguments!;
      }
      assert.deepEqual(
        streamed.map(({ name, json }) => [name, JSON.parse(json) as unknown]),
        expected,
      );
      const after = await client.chat({
        model,
        tools,
        messages: [
          ...ask('What is it like?'),
          { role: 'assistant', toolCalls: calls, toolPlan: 'I will look.' },
          { role: 'tool', toolCallId: calls[0]!.id, content: 'rain' },
          {
            role: 'tool',
            toolCallId: calls[1]!.id,
            content: [{ type: 'document', document: { data: { time: 'noon' } } }],
          },
          ...ask(script({ echo: true })),
        ],
      });
      const { turns } = JSON.parse(textOf(after.message) || after.message.toolPlan!) as {
        turns: { parts: { type: string; text?: string }[] }[];
      };
      const parts = turns.flatMap((turn) => turn.parts);
      const texts = (type: string) => parts.filter((part) => part.type === type).map((part) => part.text);
      assert.deepEqual(texts('tool-result'), ['rain', '{"time":"noon"}']);
      assert.ok(texts('text').includes('I will look.'));
    });

    test('settings, pictures and structured output reach the model', async () => {
      const seen = await client.chat({
        model,
        messages: [
          { role: 'system', content: 'Be brief.' },
          {
            role: 'user',
            content: [
              { type: 'text', text: script({ echo: true }) },
              { type: 'image_url', imageUrl: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
            ],
          },
        ],
        maxTokens: 77,
        stopSequences: ['END'],
        temperature: 0.5,
      });
      const echo = JSON.parse(textOf(seen.message)) as Record<string, unknown>;
      assert.deepEqual(
        [echo['system'], echo['stop'], echo['maxTokens'], echo['images']],
        [['Be brief.'], ['END'], 77, 1],
      );
      assert.equal((echo['sampling'] as Record<string, unknown>)['temperature'], 0.5);
      const jsonSchema = {
        type: 'object',
        properties: { name: { type: 'string' } },
        required: ['name'],
        additionalProperties: false,
      };
      const answer = await client.chat({
        model,
        messages: ask('Name one.'),
        responseFormat: { type: 'json_object', jsonSchema },
      });
      assert.equal(typeof (JSON.parse(textOf(answer.message)) as { name: unknown }).name, 'string');
    });

    test("errors raise the SDK's own classes", async () => {
      const failing = (options: object) => client.chat({ model, messages: ask(script(options)) });
      await assert.rejects(failing({ status: 400 }), Cohere.BadRequestError);
      await assert.rejects(failing({ status: 429 }), Cohere.TooManyRequestsError);
      await assert.rejects(failing({ status: 500 }), Cohere.InternalServerError);
      await assert.rejects(client.chat({ model: 'nowhere', messages: ask('x') }), Cohere.NotFoundError);
      await assert.rejects(clientOf('wrong').chat({ model, messages: ask('x') }), Cohere.UnauthorizedError);
    });

    test('an error in the stream is its last event', async () => {
      let text = '';
      let last: Cohere.ChatMessageEndEventDelta | undefined;
      const messages = ask(script({ tokens: 10, errorInStreamAt: 4, paceMs: 5 }));
      for await (const event of await client.chatStream({ model, messages })) {
        if (event.type === 'content-delta') text += event.delta?.message?.content?.text ?? '';
        else if (event.type === 'message-end') last = event.delta;
      }
      assert.ok(text.length > 0);
      assert.equal(last?.finishReason, 'ERROR');
      assert.match(last.error!, /error|overloaded/i);
    });

    test('an abort reaches the upstream, and is on the books', async () => {
      gateway.simulator.reset();
      const controller = new AbortController();
      const stream = await client.chatStream(
        { model, messages: ask(script({ tokens: 400, paceMs: 20 })) },
        { abortSignal: controller.signal },
      );
      const id = exchange;
      await assert.rejects(async () => {
        for await (const event of stream) if (event.type === 'content-delta') controller.abort();
      });
      const receipt = await receiptOf(gateway, id);
      assert.equal(receipt.outcome, 'client_gone');
      assert.equal(gateway.simulator.calls().length, 1);
    });
  });
}

test('what is billed is on the receipt, and what the model saw beside it', async () => {
  const usage = { prompt: 12, completion: 7, cached: 448, searches: 2 };
  await client.chat({ model: 'c/command-sim', messages: ask(script({ text: 'Yes.', usage })) });
  const last = (await receiptOf(gateway, exchange)).attempts.at(-1)!;
  assert.deepEqual(countsOf(last), { input: 12, output: 7 });
  assert.deepEqual(
    last.units?.map(({ unit, count }) => [unit, count]),
    [['searches', 2]],
  );
  assert.deepEqual(last.rawUsage?.['tokens'], { input_tokens: 512, output_tokens: 10 });
});

test('models are listed in its own form', async () => {
  const answer = await fetch(`${gateway.url}/v1/models`, {
    headers: { authorization: `Bearer ${testKey}`, 'x-fern-sdk-name': 'cohere-ai' },
  });
  assert.ok(Array.isArray(((await answer.json()) as { models: unknown }).models));
});
