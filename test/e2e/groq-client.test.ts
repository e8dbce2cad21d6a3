import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import Groq from '../clients/node_modules/groq-sdk/index.mjs';
import { everyDialect } from '../harness/every-dialect.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { receiptOf } from '../harness/receipts.ts';

let gateway: TestGateway;
let client: Groq;
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

/** Its paths begin with `/openai`, the name of the family. */
const clientOf = (apiKey: string) =>
  new Groq({
    baseURL: gateway.url,
    apiKey,
    maxRetries: 0,
    async fetch(input: string | URL | Request, init?: RequestInit) {
      const answer = await fetch(input, init);
      exchange = answer.headers.get('x-sluice-exchange') ?? '';
      return answer;
    },
  });

const script = (options: object) => `simulate:${JSON.stringify(options)}`;
const ask = (content: string) => [{ role: 'user' as const, content }];

for (const model of ['o/gpt-sim', 'a/claude-sim', 'c/command-sim', 'l/llama-sim', 'm/mistral-sim']) {
  describe(`groq SDK → ${model}`, () => {
    test('text, whole and streamed', async () => {
      const messages = ask(script({ text: 'Hello there, friend.' }));
      const whole = await client.chat.completions.create({ model, messages });
      assert.equal(whole.choices[0]!.message.content, 'Hello there, friend.');
      let text = '';
      for await (const chunk of await client.chat.completions.create({ model, messages, stream: true }))
        text += chunk.choices[0]?.delta.content ?? '';
      assert.equal(text, 'Hello there, friend.');
      assert.equal((await receiptOf(gateway, exchange)).outcome, 'completed');
    });

    test('a tool loop', async () => {
      const name = 'get_weather';
      const tools = [
        { type: 'function' as const, function: { name, parameters: { type: 'object', properties: {} } } },
      ];
      const messages = ask(script({ tools: [{ name, arguments: { city: 'Bern' } }] }));
      const { choices } = await client.chat.completions.create({ model, messages, tools });
      const { message } = choices[0]!;
      const [call] = message.tool_calls!;
      assert.deepEqual([call!.function.name, call!.function.arguments], [name, '{"city":"Bern"}']);
      const answer = await client.chat.completions.create({
        model,
        tools,
        messages: [...messages, message, { role: 'tool', tool_call_id: call!.id, content: 'rain' }],
      });
      assert.equal(answer.choices[0]!.message.content, 'Hello from the simulator.');
    });

    test('structured output', async () => {
      const schema = {
        type: 'object',
        properties: { city: { type: 'string' } },
        required: ['city'],
        additionalProperties: false,
      };
      const { choices } = await client.chat.completions.create({
        model,
        messages: ask('Which city?'),
        response_format: { type: 'json_schema', json_schema: { name: 'place', schema, strict: true } },
      });
      const { city } = JSON.parse(choices[0]!.message.content!) as { city: unknown };
      assert.equal(typeof city, 'string');
    });

    test('an abort takes the upstream with it', async () => {
      const stream = await client.chat.completions.create({
        model,
        messages: ask(script({ tokens: 300, paceMs: 10 })),
        stream: true,
      });
      for await (const chunk of stream) if (chunk.choices[0]?.delta.content) stream.controller.abort();
      const call = gateway.simulator.calls().at(-1)!;
      for (const until = Date.now() + 5_000; call.finished === 'running' && Date.now() < until;)
        await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(call.finished, 'client-gone');
      assert.equal((await receiptOf(gateway, exchange)).outcome, 'client_gone');
    });

    test("errors raise the SDK's own classes", async () => {
      const failing = (status: number) =>
        client.chat.completions.create({ model, messages: ask(script({ status })) });
      await assert.rejects(failing(400), Groq.BadRequestError);
      await assert.rejects(failing(429), Groq.RateLimitError);
      await assert.rejects(failing(500), Groq.InternalServerError);
      const stranger = clientOf('wrong').chat.completions.create({ model, messages: ask('x') });
      await assert.rejects(stranger, Groq.AuthenticationError);
    });
  });
}

test('models are listed', async () => {
  const { object, data } = await client.models.list();
  assert.equal(object, 'list');
  assert.ok(Array.isArray(data));
});
