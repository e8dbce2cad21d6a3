import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import Anthropic, {
  APIError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
} from '../clients/node_modules/@anthropic-ai/sdk/index.mjs';
import Legacy from '../clients/node_modules/anthropic-legacy/index.mjs';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway();
});
after(() => gateway.stop());

const script = (options: object) => `simulate:${JSON.stringify(options)}`;
const ask = (content: string) => [{ role: 'user' as const, content }];

/** Both live versions of the API: the newer sends its key as a bearer token, the older as x-api-key. */
const clients = {
  '2026-10-21': () => new Anthropic({ baseURL: gateway.url, apiKey: testKey, maxRetries: 0 }),
  '2023-06-01': () =>
    new Legacy({ baseURL: gateway.url, apiKey: testKey, maxRetries: 0 }) as unknown as Anthropic,
};

for (const [version, connect] of Object.entries(clients)) {
  for (const model of ['a/claude-sim', 'o/gpt-sim']) {
    describe(`anthropic SDK ${version} → ${model}`, () => {
      test('text, not streamed', async () => {
        const answer = await connect().messages.create({
          model,
          max_tokens: 100,
          messages: ask(script({ text: 'Hello there, friend.' })),
        });
        assert.deepEqual(
          answer.content.map((block) => (block.type === 'text' ? block.text : block.type)),
          ['Hello there, friend.'],
        );
        assert.equal(answer.stop_reason, 'end_turn');
        assert.ok(answer.usage.output_tokens > 0);
      });

      test('text, streamed, with usage', async () => {
        const stream = connect().messages.stream({
          model,
          max_tokens: 100,
          messages: ask(script({ tokens: 12 })),
        });
        let text = '';
        stream.on('text', (delta: string) => (text += delta));
        const final = await stream.finalMessage();
        assert.equal(text.trim().split(/\s+/).length, 12);
        assert.equal(final.stop_reason, 'end_turn');
        assert.equal(final.usage.output_tokens, 12);
      });

      test('parallel tool calls and their results', async () => {
        const tools = ['get_weather', 'get_time'].map((name) => ({
          name,
          description: `${name} of a city`,
          input_schema: {
            type: 'object' as const,
            properties: { city: { type: 'string' } },
            required: ['city'],
          },
        }));
        const wish = script({
          tools: [
            { name: 'get_weather', arguments: { city: 'Bern' } },
            { name: 'get_time', arguments: { city: 'Köln' } },
          ],
        });
        const streamed = await connect()
          .messages.stream({ model, max_tokens: 100, tools, messages: ask(wish) })
          .finalMessage();
        const whole = await connect().messages.create({ model, max_tokens: 100, tools, messages: ask(wish) });
        for (const answer of [streamed, whole]) {
          assert.equal(answer.stop_reason, 'tool_use');
          assert.deepEqual(
            answer.content.flatMap((block) => (block.type === 'tool_use' ? [[block.name, block.input]] : [])),
            [
              ['get_weather', { city: 'Bern' }],
              ['get_time', { city: 'Köln' }],
            ],
          );
        }
        const results = whole.content.flatMap((block) =>
          block.type === 'tool_use'
            ? [{ type: 'tool_result' as const, tool_use_id: block.id, content: 'sunny', is_error: false }]
            : [],
        );
        const after = await connect().messages.create({
          model,
          max_tokens: 100,
          tools,
          messages: [
            ...ask('What is it like?'),
            { role: 'assistant', content: whole.content },
            { role: 'user', content: [...results, { type: 'text', text: script({ text: 'Fine.' }) }] },
          ],
        });
        assert.ok(after.content.some((block) => block.type === 'text' && block.text === 'Fine.'));
      });

      test('structured output', async () => {
        const schema = {
          type: 'object',
          properties: { city: { type: 'string' }, size: { type: 'integer' } },
          required: ['city', 'size'],
          additionalProperties: false,
        };
        const answer = await connect().messages.create({
          model,
          max_tokens: 100,
          messages: ask('Which city?'),
          output_config: { format: { type: 'json_schema', schema } },
        });
        const [block] = answer.content;
        const said = JSON.parse(block?.type === 'text' ? block.text : '') as Record<string, unknown>;
        assert.deepEqual([Object.keys(said).sort(), typeof said['size']], [['city', 'size'], 'number']);
      });

      test('system, images, stop sequences and tokens reach the model', async () => {
        const answer = await connect().messages.create({
          model,
          max_tokens: 77,
          stop_sequences: ['END'],
          system: 'Be brief.',
          messages: [
            {
              role: 'user',
              content: [
                { type: 'text', text: script({ echo: true }) },
                { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } },
              ],
            },
          ],
        });
        const [block] = answer.content;
        const seen = block?.type === 'text' ? block.text : '';
        for (const word of ['Be brief.', 'END', '77']) assert.ok(seen.includes(word), `${word} in ${seen}`);
      });

      test("errors raise the SDK's own classes", async () => {
        // Not "instanceof": the two versions have classes of their own. Status and type are what both give.
        const failing = (status: number) =>
          connect().messages.create({ model, max_tokens: 9, messages: ask(script({ status })) });
        for (const [status, kind] of [
          [400, BadRequestError],
          [429, RateLimitError],
          [500, InternalServerError],
        ] as const) {
          await assert.rejects(
            failing(status),
            (error: unknown) =>
              (error as Error).constructor.name === kind.name && (error as APIError).status === status,
          );
        }
        const lost = connect().messages.create({ model: 'nowhere', max_tokens: 9, messages: ask('x') });
        await assert.rejects(
          lost,
          (error: unknown) => (error as Error).constructor.name === NotFoundError.name,
        );
      });

      test('an error in the stream is raised', async () => {
        const stream = connect().messages.stream({
          model,
          max_tokens: 99,
          messages: ask(script({ tokens: 10, errorInStreamAt: 4 })),
        });
        await assert.rejects(
          stream.finalMessage(),
          (error: unknown) =>
            error instanceof Error &&
            /APIError|AnthropicError|InternalServerError/.test(error.constructor.name),
        );
      });

      test('an abort reaches the upstream', async () => {
        gateway.simulator.reset();
        const stream = connect().messages.stream({
          model,
          max_tokens: 500,
          messages: ask(script({ tokens: 200, paceMs: 20 })),
        });
        await new Promise((resolve) => stream.once('text', resolve));
        stream.abort();
        await stream.done().catch(() => {});
        const until = Date.now() + 5000;
        while (gateway.simulator.calls().every((call) => call.finished !== 'client-gone')) {
          assert.ok(Date.now() < until, 'the upstream was not told');
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      });
    });
  }
}

test('a wrong key is an AuthenticationError, thinking returns with its signature', async () => {
  const stranger = new Anthropic({ baseURL: gateway.url, apiKey: 'wrong', maxRetries: 0 });
  await assert.rejects(
    stranger.messages.create({ model: 'a/claude-sim', max_tokens: 9, messages: ask('x') }),
    AuthenticationError,
  );
  const answer = await clients['2026-10-21']().messages.create({
    model: 'a/claude-sim',
    max_tokens: 4000,
    thinking: { type: 'adaptive' } as never,
    messages: ask(script({ reasoning: 'Let me think.', text: 'Done.' })),
  });
  const [thinking] = answer.content;
  assert.ok(thinking?.type === 'thinking' && thinking.signature.length > 0);
});
