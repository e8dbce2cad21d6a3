/** Vercel's `ai` with each of its providers whose API Sluice has, to each dialect of providers. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { everyDialect } from '../harness/every-dialect.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import '../harness/published-conditions.ts';

const { createAnthropic } = await import('../clients/node_modules/@ai-sdk/anthropic/dist/index.js');
const { createGoogleGenerativeAI } = await import('../clients/node_modules/@ai-sdk/google/dist/index.js');
const { createOpenAICompatible } =
  await import('../clients/node_modules/@ai-sdk/openai-compatible/dist/index.js');
const { createOpenAI } = await import('../clients/node_modules/@ai-sdk/openai/dist/index.js');
const { embedMany, generateText, jsonSchema, Output, stepCountIs, streamText, tool } =
  await import('../clients/node_modules/ai/dist/index.js');

(globalThis as { AI_SDK_LOG_WARNINGS?: boolean }).AI_SDK_LOG_WARNINGS = false;

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway(await everyDialect());
});
after(async () => {
  await gateway.stop();
  await gateway.simulator.close();
});

const script = (options: object) => `simulate:${JSON.stringify(options)}`;
const schema = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
} as const;

/** How each is told where to call. */
const models = {
  'openai (chat)': (model: string) =>
    createOpenAI({ apiKey: testKey, baseURL: `${gateway.url}/v1` }).chat(model),
  anthropic: (model: string) => createAnthropic({ apiKey: testKey, baseURL: `${gateway.url}/v1` })(model),
  // A name with a slash is taken for a path.
  google: (model: string) =>
    createGoogleGenerativeAI({ apiKey: testKey, baseURL: `${gateway.url}/v1beta` })(`models/${model}`),
  'openai-compatible': (model: string) =>
    createOpenAICompatible({
      name: 'sluice',
      apiKey: testKey,
      baseURL: `${gateway.url}/v1`,
      includeUsage: true,
      supportsStructuredOutputs: true,
    })(model),
};

for (const [client, modelOf] of Object.entries(models)) {
  for (const name of ['o/gpt-sim', 'a/claude-sim', 'g/gemini-sim', 'r/gpt-sim', 'b/claude-sim']) {
    describe(`ai, ${client} → ${name}`, () => {
      test('text, whole and streamed', async () => {
        const prompt = script({ text: 'Hello there, Größe.' });
        const { text, usage } = await generateText({ model: modelOf(name), maxRetries: 0, prompt });
        assert.equal(text, 'Hello there, Größe.');
        assert.ok(usage.outputTokens! > 0);
        const streamed = streamText({ model: modelOf(name), maxRetries: 0, prompt });
        let said = '';
        for await (const piece of streamed.textStream) said += piece;
        assert.equal(said, text);
        assert.equal(await streamed.finishReason, 'stop');
        assert.equal((await streamed.usage).outputTokens, usage.outputTokens);
      });

      test('a tool loop, streamed', async () => {
        const asked: string[] = [];
        const errors: unknown[] = [];
        const result = streamText({
          model: modelOf(name),
          maxRetries: 0,
          stopWhen: stepCountIs(3),
          prompt: script({ tools: [{ name: 'get_weather', arguments: { city: 'Bern' } }] }),
          onError: ({ error }) => void errors.push(error),
          tools: {
            get_weather: tool({
              description: 'The weather of a city',
              inputSchema: jsonSchema<{ city: string }>(schema),
              execute({ city }) {
                asked.push(city);
                return 'rain';
              },
            }),
          },
        });
        assert.equal(await result.text, 'Hello from the simulator.', String(errors[0]));
        assert.deepEqual(asked, ['Bern']);
      });

      test('structured output', async () => {
        const { output } = await generateText({
          model: modelOf(name),
          maxRetries: 0,
          output: Output.object({ schema: jsonSchema<{ city: string }>(schema) }),
          prompt: 'Name one.',
        });
        assert.equal(typeof output.city, 'string');
      });

      test('errors before and within the stream, and an abort', async () => {
        const prompt = script({ status: 429, retryAfter: 2 });
        await assert.rejects(
          generateText({ model: modelOf(name), maxRetries: 0, prompt }),
          (error: Error) => {
            assert.equal((error as Error & { statusCode?: number }).statusCode, 429);
            return true;
          },
        );
        const errors: unknown[] = [];
        const broken = streamText({
          model: modelOf(name),
          maxRetries: 0,
          prompt: script({ tokens: 10, errorInStreamAt: 4 }),
          onError: ({ error }) => void errors.push(error),
        });
        await broken.consumeStream();
        assert.equal(errors.length, 1);
        const abort = new AbortController();
        const left = streamText({
          model: modelOf(name),
          maxRetries: 0,
          abortSignal: abort.signal,
          prompt: script({ tokens: 300, paceMs: 10 }),
        });
        for await (const piece of left.textStream) if (piece !== '') abort.abort();
        const call = gateway.simulator.calls().at(-1)!;
        for (const until = Date.now() + 5_000; call.finished === 'running' && Date.now() < until;)
          await new Promise((resolve) => setTimeout(resolve, 5));
        assert.equal(call.finished, 'client-gone');
      });
    });
  }
}

test('embeddings', async () => {
  for (const model of ['o/embed-sim', 'c/embed-sim', 'g/embed-sim', 'l/embed-sim']) {
    const { embeddings } = await embedMany({
      model: createOpenAI({ apiKey: testKey, baseURL: `${gateway.url}/v1` }).embedding(model),
      values: ['a river', 'the sea'],
    });
    assert.deepEqual(
      embeddings.map((vector) => vector.length),
      [8, 8],
    );
  }
});
