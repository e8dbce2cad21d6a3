/** Clients of responses that are not OpenAI's SDK itself: its agents, and Vercel's `ai`. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { everyDialect } from '../harness/every-dialect.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import '../harness/published-conditions.ts';

const { createOpenAI } = await import('../clients/node_modules/@ai-sdk/openai/dist/index.js');
const {
  Agent,
  OpenAIProvider,
  Runner,
  tool: agentTool,
} = await import('../clients/node_modules/@openai/agents/dist/index.js');
const { generateText, jsonSchema, Output, stepCountIs, streamText, tool } =
  await import('../clients/node_modules/ai/dist/index.js');

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
const loop = script({
  reasoning: 'Let me see.',
  tools: [{ name: 'get_weather', arguments: { city: 'Bern' } }],
});

for (const model of ['r/gpt-sim', 'o/gpt-sim', 'a/claude-sim']) {
  describe(`@openai/agents → ${model}`, () => {
    const runner = () => {
      const modelProvider = new OpenAIProvider({
        apiKey: testKey,
        baseURL: `${gateway.url}/v1`,
        useResponses: true,
      });
      return new Runner({ modelProvider, tracingDisabled: true });
    };
    const agentOf = (asked: string[]) =>
      new Agent({
        name: 'Weather',
        instructions: 'Be brief.',
        model,
        modelSettings: { store: false },
        tools: [
          agentTool({
            name: 'get_weather',
            description: 'The weather of a city',
            parameters: { ...schema, required: ['city'] },
            strict: true,
            execute(input: unknown) {
              asked.push((input as { city: string }).city);
              return Promise.resolve('rain');
            },
          }),
        ],
      });

    test('a tool loop, whole', async () => {
      const asked: string[] = [];
      const result = await runner().run(agentOf(asked), loop);
      assert.deepEqual(asked, ['Bern']);
      assert.equal(result.finalOutput, 'Hello from the simulator.');
    });

    test('a tool loop, streamed', async () => {
      const asked: string[] = [];
      const result = await runner().run(agentOf(asked), loop, { stream: true });
      let text = '';
      for await (const piece of result.toTextStream()) text += piece;
      await result.completed;
      assert.deepEqual(asked, ['Bern']);
      assert.equal(text, 'Hello from the simulator.');
    });

    test('structured output, errors and an abort', async () => {
      const settings = { name: 'Places', instructions: 'Be brief.', model, modelSettings: { store: false } };
      const agent = new Agent({
        ...settings,
        outputType: {
          type: 'json_schema',
          name: 'place',
          strict: true,
          schema: { ...schema, required: ['city'] },
        },
      });
      const { finalOutput } = await runner().run(agent, 'Name one.');
      assert.equal(typeof (finalOutput as { city: string }).city, 'string');

      const plain = new Agent(settings);
      const failing = async (options: object) => {
        const result = await runner().run(plain, script(options), { stream: true });
        for await (const _ of result);
        await result.completed;
      };
      await assert.rejects(runner().run(plain, script({ status: 429 })), { status: 429 });
      await assert.rejects(failing({ tokens: 10, errorInStreamAt: 4 }));

      const abort = new AbortController();
      const left = await runner().run(plain, script({ tokens: 300, paceMs: 10 }), {
        stream: true,
        signal: abort.signal,
      });
      try {
        for await (const event of left)
          if (event.type === 'raw_model_stream_event' && event.data.type === 'output_text_delta')
            abort.abort();
      } catch {
        // Now it says so, now it just ends.
      }
      const call = gateway.simulator.calls().at(-1)!;
      for (const until = Date.now() + 5_000; call.finished === 'running' && Date.now() < until;)
        await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(call.finished, 'client-gone');
    });
  });

  describe(`ai → ${model}`, () => {
    const modelOf = () => createOpenAI({ apiKey: testKey, baseURL: `${gateway.url}/v1` }).responses(model);
    const providerOptions = { openai: { store: false } };
    const toolsOf = (asked: string[]) => ({
      get_weather: tool({
        description: 'The weather of a city',
        inputSchema: jsonSchema<{ city: string }>(schema),
        execute({ city }) {
          asked.push(city);
          return 'rain';
        },
      }),
    });

    test('a tool loop, streamed, with its usage', async () => {
      const asked: string[] = [];
      const errors: unknown[] = [];
      const result = streamText({
        model: modelOf(),
        tools: toolsOf(asked),
        stopWhen: stepCountIs(3),
        providerOptions,
        maxRetries: 0,
        prompt: loop,
        onError: ({ error }) => void errors.push(error),
      });
      assert.equal(await result.text, 'Hello from the simulator.', String(errors[0]));
      assert.deepEqual(asked, ['Bern']);
      const [first, last] = await result.steps;
      assert.equal(first!.finishReason, 'tool-calls');
      assert.equal(first!.reasoningText, 'Let me see.');
      assert.equal(last!.finishReason, 'stop');
      assert.ok(last!.usage.outputTokens! > 0);
      assert.deepEqual(errors, []);
    });

    test('structured output, whole', async () => {
      const { output } = await generateText({
        model: modelOf(),
        output: Output.object({ schema: jsonSchema<{ city: string }>(schema) }),
        providerOptions,
        maxRetries: 0,
        prompt: 'Name one.',
      });
      assert.equal(typeof output.city, 'string');
    });

    test('an error in the stream is told', async () => {
      const errors: unknown[] = [];
      const result = streamText({
        model: modelOf(),
        providerOptions,
        maxRetries: 0,
        prompt: script({ tokens: 10, errorInStreamAt: 4, paceMs: 5 }),
        onError: ({ error }) => void errors.push(error),
      });
      await result.consumeStream();
      assert.match(JSON.stringify(errors[0]) + String(errors[0]), /error|overloaded/i);
    });
  });
}
