/** LangChain's clients of OpenAI and of Anthropic. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { everyDialect } from '../harness/every-dialect.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import '../harness/published-conditions.ts';

const { ChatAnthropic } = await import('../clients/node_modules/@langchain/anthropic/dist/index.js');
const { ChatOpenAI, OpenAIEmbeddings } =
  await import('../clients/node_modules/@langchain/openai/dist/index.js');
const { HumanMessage, ToolMessage } =
  await import('../clients/node_modules/@langchain/core/dist/messages/index.js');

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
  title: 'place',
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};
const tools = [
  {
    type: 'function' as const,
    function: { name: 'get_weather', description: 'The weather of a city', parameters: schema },
  },
];

const clients = {
  '@langchain/openai': (model: string) =>
    new ChatOpenAI({
      model,
      apiKey: testKey,
      maxRetries: 0,
      configuration: { baseURL: `${gateway.url}/v1` },
    }),
  '@langchain/openai, responses': (model: string) =>
    new ChatOpenAI({
      model,
      apiKey: testKey,
      maxRetries: 0,
      useResponsesApi: true,
      zdrEnabled: true,
      configuration: { baseURL: `${gateway.url}/v1` },
    }),
  '@langchain/anthropic': (model: string) =>
    new ChatAnthropic({
      model,
      apiKey: testKey,
      maxRetries: 0,
      anthropicApiUrl: gateway.url,
      maxTokens: 500,
    }),
};

for (const [client, modelOf] of Object.entries(clients)) {
  for (const name of ['o/gpt-sim', 'a/claude-sim', 'g/gemini-sim', 'r/gpt-sim']) {
    describe(`${client} → ${name}`, () => {
      test('text, whole and streamed, with its usage', async () => {
        const prompt = script({ text: 'Hello there, Größe.' });
        const answer = await modelOf(name).invoke(prompt);
        assert.equal(answer.text, 'Hello there, Größe.');
        assert.ok(answer.usage_metadata!.output_tokens > 0);
        let said = '';
        let output = 0;
        for await (const chunk of await modelOf(name).stream(prompt)) {
          said += chunk.text;
          output += chunk.usage_metadata?.output_tokens ?? 0;
        }
        assert.equal(said, answer.text);
        // Of Anthropic's own streams it adds the one token that their first event tells.
        assert.ok([0, 1].includes(output - answer.usage_metadata!.output_tokens), String(output));
      });

      test('a tool loop', async () => {
        const model = modelOf(name).bindTools(tools);
        const asked = new HumanMessage(
          script({ tools: [{ name: 'get_weather', arguments: { city: 'Bern' } }] }),
        );
        const first = await model.invoke([asked]);
        const [call] = first.tool_calls!;
        assert.deepEqual([call!.name, call!.args], ['get_weather', { city: 'Bern' }]);
        const result = new ToolMessage({ content: 'rain', tool_call_id: call!.id! });
        const answer = await model.invoke([asked, first, result]);
        assert.equal(answer.text, 'Hello from the simulator.');
      });

      test('structured output', async () => {
        const model = modelOf(name).withStructuredOutput<{ city: string }>(schema, { method: 'jsonSchema' });
        const { city } = await model.invoke('Name one.');
        assert.equal(typeof city, 'string');
      });

      test('errors before and within the stream, and an abort', async () => {
        await assert.rejects(modelOf(name).invoke(script({ status: 429 })), (error: Error) => {
          assert.equal((error as Error & { status?: number }).status, 429);
          return true;
        });
        await assert.rejects(async () => {
          for await (const _ of await modelOf(name).stream(script({ tokens: 10, errorInStreamAt: 4 })));
        });
        const abort = new AbortController();
        await assert.rejects(async () => {
          const stream = await modelOf(name).stream(script({ tokens: 300, paceMs: 10 }), {
            signal: abort.signal,
          });
          for await (const { text } of stream) if (text !== '') abort.abort();
        });
        const call = gateway.simulator.calls().at(-1)!;
        for (const until = Date.now() + 5_000; call.finished === 'running' && Date.now() < until;)
          await new Promise((resolve) => setTimeout(resolve, 5));
        assert.equal(call.finished, 'client-gone');
      });
    });
  }
}

test('embeddings', async () => {
  const client = new OpenAIEmbeddings({
    model: 'c/embed-sim',
    apiKey: testKey,
    configuration: { baseURL: `${gateway.url}/v1` },
  });
  const vectors = await client.embedDocuments(['a river', 'the sea']);
  assert.deepEqual(
    vectors.map((vector) => vector.length),
    [8, 8],
  );
});
