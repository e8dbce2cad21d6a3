import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import OpenAI, {
  APIError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
} from '../clients/node_modules/openai/index.mjs';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

let gateway: TestGateway;
let client: OpenAI;
before(async () => {
  gateway = await startTestGateway();
  client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: testKey, maxRetries: 0 });
});
after(() => gateway.stop());

const script = (options: object) => `simulate:${JSON.stringify(options)}`;
const ask = (content: string) => [{ role: 'user' as const, content }];

/** The same intents to a model of the client's own dialect, and to one of the other. */
for (const model of ['o/gpt-sim', 'a/claude-sim']) {
  describe(`openai SDK → ${model}`, () => {
    test('text, not streamed', async () => {
      const answer = await client.chat.completions.create({
        model,
        messages: ask(script({ text: 'Hello there, friend.' })),
      });
      assert.equal(answer.choices[0]!.message.content, 'Hello there, friend.');
      assert.equal(answer.choices[0]!.finish_reason, 'stop');
      assert.ok(answer.usage!.completion_tokens > 0);
      assert.equal(answer.usage!.total_tokens, answer.usage!.prompt_tokens + answer.usage!.completion_tokens);
    });

    test('text, streamed, with and without usage', async () => {
      for (const include of [false, true]) {
        const stream = await client.chat.completions.create({
          model,
          stream: true,
          messages: ask(script({ tokens: 12 })),
          ...(include ? { stream_options: { include_usage: true } } : {}),
        });
        let text = '';
        let usage = 0;
        let finish: string | null = null;
        for await (const chunk of stream) {
          text += chunk.choices[0]?.delta.content ?? '';
          finish = chunk.choices[0]?.finish_reason ?? finish;
          if (chunk.usage) usage++;
          if (!include)
            assert.ok(
              chunk.choices.length > 0,
              'a chunk without choices came, though no usage was asked for',
            );
        }
        assert.equal(text.trim().split(/\s+/).length, 12);
        assert.equal(finish, 'stop');
        assert.equal(usage, include ? 1 : 0);
      }
    });

    test('parallel tool calls, streamed and whole, and their results', async () => {
      const tools = ['get_weather', 'get_time'].map((name) => ({
        type: 'function' as const,
        function: {
          name,
          description: `${name} of a city`,
          parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
        },
      }));
      const wish = script({
        tools: [
          { name: 'get_weather', arguments: { city: 'Bern' } },
          { name: 'get_time', arguments: { city: 'Köln' } },
        ],
      });
      const whole = await client.chat.completions.create({ model, tools, messages: ask(wish) });
      const calls = whole.choices[0]!.message.tool_calls!;
      assert.equal(whole.choices[0]!.finish_reason, 'tool_calls');
      assert.deepEqual(
        calls.map((call) =>
          call.type === 'function' ? [call.function.name, JSON.parse(call.function.arguments)] : [],
        ),
        [
          ['get_weather', { city: 'Bern' }],
          ['get_time', { city: 'Köln' }],
        ],
      );
      const runner = client.chat.completions.stream({ model, tools, messages: ask(wish) });
      const final = await runner.finalChatCompletion();
      assert.deepEqual(
        final.choices[0]!.message.tool_calls!.map(
          (call) => JSON.parse(call.type === 'function' ? call.function.arguments : '') as unknown,
        ),
        [{ city: 'Bern' }, { city: 'Köln' }],
      );
      const after = await client.chat.completions.create({
        model,
        tools,
        messages: [
          ...ask('What is it like?'),
          whole.choices[0]!.message,
          ...calls.map((call) => ({ role: 'tool' as const, tool_call_id: call.id, content: '{"ok":true}' })),
          ...ask(script({ text: 'Fine.' })),
        ],
      });
      assert.equal(after.choices[0]!.message.content, 'Fine.');
    });

    test('system, images, stop, tokens and sampling reach the model', async () => {
      const answer = await client.chat.completions.create({
        model,
        max_completion_tokens: 77,
        stop: ['END'],
        messages: [
          { role: 'system', content: 'Be brief.' },
          {
            role: 'user',
            content: [
              { type: 'text', text: script({ echo: true }) },
              { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
            ],
          },
        ],
      });
      const seen = answer.choices[0]!.message.content!;
      for (const word of ['Be brief.', 'END', '77']) assert.ok(seen.includes(word), `${word} in ${seen}`);
    });

    test('structured output', async () => {
      const schema = {
        type: 'object',
        properties: { name: { type: 'string' } },
        required: ['name'],
        additionalProperties: false,
      };
      const answer = await client.chat.completions.create({
        model,
        messages: ask('Name one.'),
        response_format: { type: 'json_schema', json_schema: { name: 'one', strict: true, schema } },
      });
      assert.equal(
        typeof (JSON.parse(answer.choices[0]!.message.content!) as { name: unknown }).name,
        'string',
      );
    });

    test("errors raise the SDK's own classes", async () => {
      const failing = (status: number, errorType?: string) =>
        client.chat.completions.create({
          model,
          messages: ask(script({ status, ...(errorType ? { errorType } : {}) })),
        });
      await assert.rejects(failing(400), BadRequestError);
      await assert.rejects(failing(429), RateLimitError);
      await assert.rejects(failing(500), InternalServerError);
      await assert.rejects(
        client.chat.completions.create({ model: 'nowhere', messages: ask('x') }),
        (error: unknown) => error instanceof NotFoundError && error.code === 'model_not_found',
      );
      const stranger = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'wrong', maxRetries: 0 });
      await assert.rejects(
        stranger.chat.completions.create({ model, messages: ask('x') }),
        AuthenticationError,
      );
    });

    test('an error in the stream is raised', async () => {
      const failing = (options: object) =>
        client.chat.completions.create({
          model,
          stream: true,
          messages: ask(script({ tokens: 10, ...options })),
        });
      const stream = await failing({ errorInStreamAt: 4, paceMs: 5 });
      let text = '';
      await assert.rejects(async () => {
        for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
      }, APIError);
      assert.ok(text.length > 0);
    });

    test('an abort reaches the upstream within a second', async () => {
      gateway.simulator.reset();
      const stream = await client.chat.completions.create({
        model,
        stream: true,
        messages: ask(script({ tokens: 200, paceMs: 20 })),
      });
      for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
      const until = Date.now() + 5000;
      while (gateway.simulator.calls().every((call) => call.finished !== 'client-gone')) {
        assert.ok(Date.now() < until, 'the upstream was not told');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
  });
}

test('models are listed', async () => {
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  assert.ok(Array.isArray(names));
});
