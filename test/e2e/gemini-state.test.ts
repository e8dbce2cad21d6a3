import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { everyDialect } from '../harness/every-dialect.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

let gateway: TestGateway;
before(async () => {
  const options = await everyDialect();
  const retries = { backoff: { base: 1, max: 2 }, budget: { minPerSecond: 1000 } };
  const models = { again: { targets: ['g/gemini-3-sim'], retries } };
  gateway = await startTestGateway({ ...options, config: { ...options.config, models } });
});
after(async () => {
  await gateway.stop();
  await gateway.simulator.close();
});

type Json = Record<string, unknown>;

async function post(path: string, headers: Record<string, string>, body: object): Promise<Json> {
  const answer = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const said = await answer.text();
  assert.equal(answer.status, 200, said);
  return JSON.parse(said) as Json;
}

const script = `simulate:${JSON.stringify({ reasoning: 'I see.', tools: [{ name: 'get_time', arguments: { city: 'Bern' } }] })}`;
const schema = { type: 'object', properties: { city: { type: 'string' } } };
const lastSent = () => JSON.stringify(gateway.simulator.calls().at(-1)!.body);

test("a proof of one provider's goes home through Gemini's dialect, and to no other", async () => {
  const ask = (model: string, contents: unknown[]) =>
    post(
      `/v1beta/models/${model}:generateContent`,
      { 'x-goog-api-key': testKey },
      {
        contents,
        tools: [{ functionDeclarations: [{ name: 'get_time', parametersJsonSchema: schema }] }],
        generationConfig: {
          maxOutputTokens: 9000,
          thinkingConfig: { thinkingBudget: 2048, includeThoughts: true },
        },
      },
    );
  const wish = { role: 'user', parts: [{ text: script }] };
  const first = await ask('a/claude-sim', [wish]);
  const [{ content }] = first['candidates'] as [{ content: { parts: Json[] } }];
  const call = content.parts.find((part) => 'functionCall' in part)!;
  // Bytes, as everything that clients of this dialect decode.
  assert.match(String(call['thoughtSignature']), /^[A-Za-z0-9+/]+=*$/);
  const { id } = call['functionCall'] as { id: string };
  const result = {
    role: 'user',
    parts: [{ functionResponse: { id, name: 'get_time', response: { output: 'noon' } } }],
  };

  // Either simulated vendor refuses a proof that is not its own.
  await ask('a/claude-sim', [wish, content, result]);
  assert.match(lastSent(), /"thinking":"I see\.","signature":"sim-sig-/);
  await ask('g/gemini-3-sim', [wish, content, result]);
  assert.doesNotMatch(lastSent(), /sim-sig|c2xjMT/);
});

test("another dialect's call, which has no proof, is taken back by a model that wants one", async () => {
  const ask = (model: string, contents: unknown[]) =>
    post(
      `/v1beta/models/${model}:generateContent`,
      { 'x-goog-api-key': testKey },
      { contents, tools: [{ functionDeclarations: [{ name: 'get_time', parametersJsonSchema: schema }] }] },
    );
  const wish = { role: 'user', parts: [{ text: script }] };
  const first = await ask('o/gpt-sim', [wish]);
  const [{ content }] = first['candidates'] as [{ content: object }];
  const response = { name: 'get_time', response: { output: 'noon' } };
  const history = [wish, content, { role: 'user', parts: [{ functionResponse: response }] }];
  await ask('g/gemini-3-sim', history);
  await ask('o/gpt-sim', history);
  assert.doesNotMatch(lastSent(), /skip_thought/);
});

test("Gemini's proof of a call goes home through other dialects", async () => {
  const openai = (messages: unknown[]) =>
    post(
      '/v1/chat/completions',
      { authorization: `Bearer ${testKey}` },
      {
        model: 'g/gemini-3-sim',
        messages,
        tools: [{ type: 'function', function: { name: 'get_time', parameters: schema } }],
      },
    );
  const wish = { role: 'user', content: script };
  const said = await openai([wish]);
  const [{ message }] = said['choices'] as [{ message: { tool_calls: { id: string }[] } }];
  await openai([wish, message, { role: 'tool', tool_call_id: message.tool_calls[0]!.id, content: 'noon' }]);
  assert.match(lastSent(), /"functionCall":\{[^}]*\}\},"thoughtSignature":"c2ltLXRo/);

  const anthropic = (messages: unknown[]) =>
    post(
      '/v1/messages',
      { 'x-api-key': testKey, 'anthropic-version': '2023-06-01' },
      {
        model: 'g/gemini-3-sim',
        max_tokens: 9000,
        messages,
        tools: [{ name: 'get_time', input_schema: schema }],
      },
    );
  const { content } = (await anthropic([wish])) as unknown as { content: { type: string; id: string }[] };
  const use = content.find(({ type }) => type === 'tool_use')!;
  const result = { type: 'tool_result', tool_use_id: use.id, content: 'noon' };
  await anthropic([wish, { role: 'assistant', content }, { role: 'user', content: [result] }]);
  assert.match(lastSent(), /"functionCall":\{[^}]*\}\},"thoughtSignature":"c2ltLXRo/);
});

test('a delay that stands in the body alone is heeded: nobody asks again before it is over', async () => {
  const attempts = async (options: object) => {
    gateway.simulator.reset();
    const answer = await fetch(`${gateway.url}/v1beta/models/again:generateContent`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-goog-api-key': testKey },
      body: JSON.stringify({ contents: [{ parts: [{ text: `simulate:${JSON.stringify(options)}` }] }] }),
    });
    assert.equal(answer.status, 429);
    return gateway.simulator.calls().length;
  };
  assert.ok((await attempts({ status: 429 })) > 1);
  assert.equal(await attempts({ status: 429, retryAfter: 34.4 }), 1);
});
