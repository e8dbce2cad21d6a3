/** Clients of other dialects served by a provider that speaks responses. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Anthropic from '../clients/node_modules/@anthropic-ai/sdk/index.mjs';
import OpenAI from '../clients/node_modules/openai/index.mjs';
import { everyDialect } from '../harness/every-dialect.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

let gateway: TestGateway;
before(async () => {
  const settings = await everyDialect();
  gateway = await startTestGateway({
    ...settings,
    config: {
      ...settings.config,
      routes: [{ name: 'llm', match: { path: '/**' }, to: { llm: { vendorIds: 'pass' } } }],
    },
  });
});
after(async () => {
  await gateway.stop();
  await gateway.simulator.close();
});

const model = 'r/gpt-sim';
const script = (options: object) => `simulate:${JSON.stringify(options)}`;
const call = { name: 'get_weather', arguments: { city: 'Bern' } };
const parameters = { type: 'object' as const, properties: { city: { type: 'string' } }, required: ['city'] };
interface Echo {
  turns: { parts: { type: string; text?: string; signed?: boolean }[] }[];
}

test("Anthropic's SDK: thinking goes back with its proof within a loop of tools", async () => {
  const client = new Anthropic({ apiKey: testKey, baseURL: gateway.url, maxRetries: 0 });
  const common = {
    model,
    max_tokens: 2048,
    thinking: { type: 'enabled' as const, budget_tokens: 1024 },
    tools: [{ name: 'get_weather', input_schema: parameters }],
  };
  const first = await client.messages
    .stream({ ...common, messages: [{ role: 'user', content: script({ reasoning: 'Hm.', tools: [call] }) }] })
    .finalMessage();
  assert.equal(first.stop_reason, 'tool_use');
  const [thinking, use] = first.content;
  assert.ok(thinking?.type === 'thinking' && use?.type === 'tool_use');
  assert.match(thinking.signature, /^slc1:r:/);
  assert.deepEqual(use.input, call.arguments);
  const after = await client.messages.create({
    ...common,
    messages: [
      { role: 'user', content: 'Weather?' },
      { role: 'assistant', content: first.content },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: use.id, content: 'rain' }] },
      { role: 'user', content: script({ echo: true }) },
    ],
  });
  const [text] = after.content;
  assert.ok(text?.type === 'text');
  const parts = (JSON.parse(text.text) as Echo).turns.flatMap((turn) => turn.parts);
  assert.deepEqual(
    parts.find(({ type }) => type === 'thinking'),
    { type: 'thinking', text: 'Hm.', signed: true },
  );
  assert.equal(parts.find(({ type }) => type === 'tool-result')?.text, 'rain');
});

test("OpenAI's chat: tools, streamed, and what is dropped is named", async () => {
  let dropped: string | null = null;
  const client = new OpenAI({
    apiKey: testKey,
    baseURL: `${gateway.url}/v1`,
    maxRetries: 0,
    async fetch(input: string | URL | Request, init?: RequestInit) {
      const answer = await fetch(input, init);
      dropped = answer.headers.get('x-sluice-dropped');
      return answer;
    },
  });
  const final = await client.chat.completions
    .stream({
      model,
      messages: [{ role: 'user', content: script({ tools: [call] }) }],
      tools: [{ type: 'function', function: { name: 'get_weather', parameters } }],
      stop: ['END'],
    })
    .finalChatCompletion();
  const [choice] = final.choices;
  assert.equal(choice!.finish_reason, 'tool_calls');
  const [made] = choice!.message.tool_calls!;
  assert.ok(made?.type === 'function');
  assert.deepEqual(JSON.parse(made.function.arguments), call.arguments);
  assert.match(dropped ?? '', /\bstop\b/);
});

test('with `vendorIds: pass` what is kept at the provider can be named', async () => {
  const client = new OpenAI({ apiKey: testKey, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
  gateway.simulator.reset();
  const call = client.responses.create({ model, input: 'x', previous_response_id: 'resp_1', store: true });
  // In the provider's own words: it was asked.
  await assert.rejects(call, /Previous response with id 'resp_1' not found/);
  const [seen] = gateway.simulator.calls();
  const { previous_response_id: id, store } = seen!.body as Record<string, unknown>;
  assert.deepEqual([id, store], ['resp_1', true]);
});
