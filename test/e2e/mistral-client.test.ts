import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { HTTPClient, Mistral } from '../clients/node_modules/@mistralai/mistralai/esm/index.js';
import OpenAI, { UnprocessableEntityError } from '../clients/node_modules/openai/index.mjs';
import { everyDialect } from '../harness/every-dialect.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { countsOf, receiptOf } from '../harness/receipts.ts';

let gateway: TestGateway;
let client: Mistral;
let openai: OpenAI;
/** Of the last answer. */
let exchange = '';
before(async () => {
  gateway = await startTestGateway(await everyDialect());
  client = clientOf(testKey);
  openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: testKey, maxRetries: 0 });
});
after(async () => {
  await gateway.stop();
  await gateway.simulator.close();
});

function clientOf(apiKey: string): Mistral {
  const httpClient = new HTTPClient();
  httpClient.addHook('response', (answer) => {
    exchange = answer.headers.get('x-sluice-exchange') ?? '';
  });
  return new Mistral({ apiKey, serverURL: gateway.url, httpClient, retryConfig: { strategy: 'none' } });
}

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
const parsed = (json: unknown): unknown => (typeof json === 'string' ? JSON.parse(json) : json);
const statusIs = (status: number) => (error: unknown) =>
  (error as { statusCode: number }).statusCode === status;

for (const model of ['m/mistral-sim', 'o/gpt-sim', 'a/claude-sim', 'c/command-sim', 'l/llama-sim']) {
  describe(`mistral SDK → ${model}`, () => {
    test('text, whole, with its usage on the receipt', async () => {
      const answer = await client.chat.complete({
        model,
        messages: ask(script({ text: 'Hello there, friend.' })),
      });
      assert.equal(answer.choices[0]!.message!.content, 'Hello there, friend.');
      assert.equal(answer.choices[0]!.finishReason, 'stop');
      const receipt = await receiptOf(gateway, exchange);
      assert.equal(receipt.outcome, 'completed');
      assert.deepEqual(countsOf(receipt.attempts.at(-1)!), { input: answer.usage.promptTokens, output: 3 });
    });

    test('text, streamed', async () => {
      let text = '';
      let finish: string | null = null;
      const stream = await client.chat.stream({ model, messages: ask(script({ tokens: 12 })) });
      for await (const { data } of stream) {
        const [choice] = data.choices;
        text += typeof choice?.delta.content === 'string' ? choice.delta.content : '';
        finish = choice?.finishReason ?? finish;
      }
      assert.equal(text.trim().split(/\s+/).length, 12);
      assert.equal(finish, 'stop');
    });

    test('tools that must be called, whole and streamed, and their results', async () => {
      const wish = ask(script({ tools: [{ name: 'get_weather', arguments: { city: 'Köln' } }] }));
      const whole = await client.chat.complete({ model, tools, toolChoice: 'any', messages: wish });
      const { message } = whole.choices[0]!;
      const [call] = message!.toolCalls!;
      assert.deepEqual(
        [call!.function.name, parsed(call!.function.arguments)],
        ['get_weather', { city: 'Köln' }],
      );
      // OpenAI's own bytes have no name beside later pieces of arguments, and this client asks for one.
      if (model !== 'o/gpt-sim') {
        let name = '';
        let json = '';
        const stream = await client.chat.stream({ model, tools, messages: wish });
        for await (const { data } of stream)
          for (const piece of data.choices[0]?.delta.toolCalls ?? []) {
            name += piece.function.name;
            json += piece.function.arguments as string;
          }
        assert.deepEqual([name, JSON.parse(json)], ['get_weather', { city: 'Köln' }]);
      }
      const after = await client.chat.complete({
        model,
        tools,
        messages: [
          ...ask('What is it like?'),
          { ...message!, role: 'assistant' },
          { role: 'tool', toolCallId: call!.id!, name: 'get_weather', content: 'rain' },
          ...ask(script({ text: 'Fine.' })),
        ],
      });
      assert.equal(after.choices[0]!.message!.content, 'Fine.');
    });

    test('structured output', async () => {
      const schemaDefinition = {
        type: 'object',
        properties: { city: { type: 'string' }, size: { type: 'integer' } },
        required: ['city', 'size'],
        additionalProperties: false,
      };
      const answer = await client.chat.complete({
        model,
        messages: ask('Which city?'),
        responseFormat: { type: 'json_schema', jsonSchema: { name: 'town', schemaDefinition, strict: true } },
      });
      const said = JSON.parse(answer.choices[0]!.message!.content as string) as Record<string, unknown>;
      assert.deepEqual([Object.keys(said).sort(), typeof said['size']], [['city', 'size'], 'number']);
    });

    test('its own names of settings reach the model', async () => {
      const answer = await client.chat.complete({
        model,
        messages: ask(script({ echo: true })),
        maxTokens: 77,
        stop: ['END'],
        ...(model.startsWith('a/') ? {} : { randomSeed: 7 }),
      });
      const echo = JSON.parse(answer.choices[0]!.message!.content as string) as Record<string, unknown>;
      assert.deepEqual([echo['stop'], echo['maxTokens']], [['END'], 77]);
      if (!model.startsWith('a/')) assert.equal((echo['sampling'] as { seed: number }).seed, 7);
    });

    test('errors raise its own, with their status', async () => {
      for (const status of [400, 429, 500])
        await assert.rejects(
          client.chat.complete({ model, messages: ask(script({ status })) }),
          statusIs(status),
        );
      await assert.rejects(client.chat.complete({ model: 'nowhere', messages: ask('x') }), statusIs(404));
      await assert.rejects(clientOf('wrong').chat.complete({ model, messages: ask('x') }), statusIs(401));
    });

    test('an abort is on the books', async () => {
      const messages = ask(script({ tokens: 400, paceMs: 20 }));
      const stream = await client.chat.stream({ model, messages });
      const id = exchange;
      for await (const { data } of stream) if (data.choices[0]?.delta.content) break;
      assert.equal((await receiptOf(gateway, id)).outcome, 'client_gone');
    });
  });
}

test('usage that its provider sends unasked reaches its client', async () => {
  let usage;
  const messages = ask(script({ tokens: 3, usage: { prompt: 20, cached: 8 } }));
  for await (const { data } of await client.chat.stream({ model: 'm/mistral-sim', messages }))
    usage = data.usage ?? usage;
  assert.equal(usage?.completionTokens, 3);
  const receipt = await receiptOf(gateway, exchange);
  assert.deepEqual(countsOf(receipt.attempts.at(-1)!), { input: 12, 'input/read': 8, output: 3 });
});

describe('openai SDK → m/mistral-sim', () => {
  const model = 'm/mistral-sim';

  test("OpenAI's names become Mistral's, in the caller's own bytes", async () => {
    const answer = await openai.chat.completions.create({
      model,
      messages: ask(script({ echo: true })),
      max_completion_tokens: 77,
      seed: 7,
      user: 'u1',
      store: false,
    });
    const echo = JSON.parse(answer.choices[0]!.message.content!) as Record<string, unknown>;
    assert.equal(echo['maxTokens'], 77);
    assert.equal((echo['sampling'] as { seed: number }).seed, 7);
  });

  test('what it would refuse is left out and named, or the call is refused where that is asked', async () => {
    const call = { model, messages: ask('x'), user: 'u1', logprobs: true, store: false };
    const { response } = await openai.chat.completions.create(call).withResponse();
    assert.equal(response.headers.get('x-sluice-dropped'), 'user, logprobs');
    await assert.rejects(
      openai.chat.completions.create(call, { headers: { 'x-sluice-strict': 'true' } }),
      (error: unknown) => error instanceof OpenAI.BadRequestError && /user .*logprobs/.test(error.message),
    );
    const { response: streamed } = await openai.chat.completions
      .create({ model, messages: ask('x'), stream: true, stream_options: { include_usage: true } })
      .withResponse();
    assert.equal(streamed.headers.get('x-sluice-dropped'), null);
    await streamed.body?.cancel();
  });

  test('ids of tool calls that another provider made are made to fit, the same for call and result', async () => {
    await openai.chat.completions.create({
      model,
      messages: [
        ...ask('x'),
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'call_abc-1', type: 'function', function: { name: 'f', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'call_abc-1', content: 'ok' },
      ],
    });
    const { messages } = gateway.simulator.calls().at(-1)!.body as {
      messages: { tool_calls?: { id: string }[]; tool_call_id?: string }[];
    };
    const [id] = messages[1]!.tool_calls!.map((call) => call.id);
    assert.match(id!, /^[A-Za-z0-9]{9}$/);
    assert.equal(messages[2]!.tool_call_id, id);
  });

  test('what its validator says is told', async () => {
    await assert.rejects(
      openai.chat.completions.create({ model, messages: ask('x'), ...{ sim_unknown: 1 } }),
      (error: unknown) => error instanceof UnprocessableEntityError && error.status === 422,
    );
    const answer = await fetch(`${gateway.url}/v1/messages`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${testKey}`,
        'anthropic-version': '2023-06-01',
        'content-type': 'application/json',
      },
      body: JSON.stringify({
        model,
        max_tokens: 9,
        messages: [
          { role: 'user', content: script({ status: 422, errorMessage: 'Input should be a valid integer' }) },
        ],
      }),
    });
    assert.equal(answer.status, 422);
    const { error } = (await answer.json()) as { error: { message: string } };
    assert.equal(error.message, 'Input should be a valid integer');
  });

  test('an Anthropic client hears its thinking', async () => {
    const answer = await fetch(`${gateway.url}/v1/messages`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${testKey}`,
        'anthropic-version': '2023-06-01',
        'content-type': 'application/json',
      },
      body: JSON.stringify({
        model,
        max_tokens: 99,
        messages: [{ role: 'user', content: script({ text: 'Yes.', reasoning: 'Hm.' }) }],
      }),
    });
    const { content } = (await answer.json()) as { content: { type: string }[] };
    assert.deepEqual(
      content.map(({ type }) => type),
      ['thinking', 'text'],
    );
  });
});
