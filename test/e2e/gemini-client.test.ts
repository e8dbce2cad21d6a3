import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { everyDialect } from '../harness/every-dialect.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { ApiError, FunctionCallingConfigMode, GoogleGenAI } from '../harness/google-genai.ts';
import { countsOf, receiptOf } from '../harness/receipts.ts';

let gateway: TestGateway;
let client: InstanceType<typeof GoogleGenAI>;
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

const clientOf = (apiKey: string, more: object = {}) =>
  new GoogleGenAI({
    apiKey,
    ...more,
    httpOptions: {
      baseUrl: gateway.url,
      async fetch(input: string | URL | Request, init?: RequestInit) {
        const answer = await fetch(input, init);
        exchange = answer.headers.get('x-sluice-exchange') ?? '';
        return answer;
      },
    },
  });

const script = (options: object) => `simulate:${JSON.stringify(options)}`;
const city = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const functionDeclarations = ['get_weather', 'get_time'].map((name) => ({
  name,
  description: `${name} of a city`,
  parametersJsonSchema: city,
}));
const tools = [{ functionDeclarations }];
const wish = script({
  tools: [
    { name: 'get_weather', arguments: { city: 'Bern' } },
    { name: 'get_time', arguments: { city: 'Köln' } },
  ],
});
const expected = [
  ['get_weather', { city: 'Bern' }],
  ['get_time', { city: 'Köln' }],
];

for (const model of ['g/gemini-3-sim', 'o/gpt-sim', 'a/claude-sim']) {
  describe(`Google's SDK → ${model}`, () => {
    test('text, whole, with its usage on the receipt', async () => {
      const contents = script({ text: 'Hello there, friend.' });
      const answer = await client.models.generateContent({ model, contents });
      assert.equal(answer.text, 'Hello there, friend.');
      assert.equal(answer.candidates![0]!.finishReason, 'STOP');
      const used = answer.usageMetadata!;
      assert.deepEqual([used.candidatesTokenCount, used.totalTokenCount], [3, used.promptTokenCount! + 3]);
      const receipt = await receiptOf(gateway, exchange);
      assert.equal(receipt.outcome, 'completed');
      assert.deepEqual(countsOf(receipt.attempts.at(-1)!), { input: used.promptTokenCount, output: 3 });
    });

    test('text and thoughts, streamed', async () => {
      let text = '';
      let thought = '';
      let last;
      const stream = await client.models.generateContentStream({
        model,
        contents: script({ tokens: 12, reasoning: 'Let me see.' }),
        config: { thinkingConfig: { includeThoughts: true } },
      });
      for await (const chunk of stream) {
        for (const part of chunk.candidates?.[0]?.content?.parts ?? [])
          if (part.thought) thought += part.text ?? '';
          else text += part.text ?? '';
        last = chunk;
      }
      assert.equal(text.trim().split(/\s+/).length, 12);
      assert.equal(thought, 'Let me see.');
      assert.equal(last?.candidates?.[0]?.finishReason, 'STOP');
      const used = last.usageMetadata!;
      assert.equal(used.candidatesTokenCount! + (used.thoughtsTokenCount ?? 0), 15);
      const receipt = await receiptOf(gateway, exchange);
      assert.equal(receipt.outcome, 'completed');
      const { lines } = receipt.attempts.at(-1)!;
      const counted = lines.map(({ line }) => (line.direction === 'output' ? line.count : 0));
      assert.equal(
        counted.reduce((a, b) => a + b, 0),
        15,
      );
    });

    test('a stream without alt=sse is one array', async () => {
      const answer = await fetch(`${gateway.url}/v1beta/models/${model}:streamGenerateContent`, {
        method: 'POST',
        headers: { 'x-goog-api-key': testKey, 'content-type': 'application/json' },
        body: JSON.stringify({ contents: [{ parts: [{ text: script({ tokens: 5 }) }] }] }),
      });
      assert.match(answer.headers.get('content-type')!, /^application\/json/);
      const chunks = (await answer.json()) as {
        candidates?: { content: { parts: { text?: string }[] }; finishReason?: string }[];
      }[];
      const parts = chunks.flatMap((chunk) => chunk.candidates ?? []).flatMap(({ content }) => content.parts);
      const text = parts.map((part) => part.text ?? '').join('');
      assert.equal(text.trim().split(/\s+/).length, 5);
      assert.equal(chunks.at(-1)!.candidates![0]!.finishReason, 'STOP');
      const receipt = await receiptOf(gateway, answer.headers.get('x-sluice-exchange')!);
      assert.equal(receipt.outcome, 'completed');
      assert.equal(countsOf(receipt.attempts.at(-1)!).output, 5);
    });

    test('parallel tool calls, streamed and whole, and their results', async () => {
      const streamed: unknown[] = [];
      for await (const chunk of await client.models.generateContentStream({
        model,
        contents: wish,
        config: { tools },
      }))
        for (const call of chunk.functionCalls ?? []) streamed.push([call.name, call.args]);
      assert.deepEqual(streamed, expected);
      const whole = await client.models.generateContent({ model, contents: wish, config: { tools } });
      assert.deepEqual(
        whole.functionCalls!.map((call) => [call.name, call.args]),
        expected,
      );
      const [first, second] = whole.functionCalls!;
      const after = await client.models.generateContent({
        model,
        config: { tools },
        contents: [
          { role: 'user', parts: [{ text: 'What is it like?' }] },
          whole.candidates![0]!.content!,
          {
            role: 'user',
            parts: [
              { functionResponse: { ...idOf(first!), name: 'get_weather', response: { output: 'rain' } } },
              { functionResponse: { ...idOf(second!), name: 'get_time', response: { time: 'noon' } } },
            ],
          },
          { role: 'model', parts: [{ text: 'I see.' }] },
          { role: 'user', parts: [{ text: script({ echo: true }) }] },
        ],
      });
      const { turns } = JSON.parse(after.text!) as { turns: { parts: { type: string; text?: string }[] }[] };
      const results = turns.flatMap((turn) => turn.parts).filter(({ type }) => type === 'tool-result');
      assert.deepEqual(
        results.map(({ text }) => text),
        ['rain', '{"time":"noon"}'],
      );
    });

    test('settings, pictures, a forced tool and structured output reach the model', async () => {
      const seen = await client.models.generateContent({
        model,
        contents: [
          {
            role: 'user',
            parts: [
              { text: script({ echo: true }) },
              { inlineData: { mimeType: 'image/png', data: 'iVBORw0KGgo=' } },
            ],
          },
        ],
        config: {
          systemInstruction: 'Be brief.',
          maxOutputTokens: 77,
          stopSequences: ['END'],
          temperature: 0.5,
          tools,
          toolConfig: {
            functionCallingConfig: {
              mode: FunctionCallingConfigMode.ANY,
              allowedFunctionNames: ['get_time'],
            },
          },
        },
      });
      const echo = JSON.parse(seen.text!) as Record<string, unknown>;
      assert.deepEqual(
        [echo['system'], echo['stop'], echo['maxTokens'], echo['images'], echo['toolChoice']],
        [['Be brief.'], ['END'], 77, 1, { mode: 'named', name: 'get_time' }],
      );
      assert.equal((echo['sampling'] as Record<string, unknown>)['temperature'], 0.5);
      const answer = await client.models.generateContent({
        model,
        contents: 'Name one.',
        config: {
          responseMimeType: 'application/json',
          responseJsonSchema: {
            type: 'object',
            properties: { name: { type: 'string' } },
            required: ['name'],
            additionalProperties: false,
          },
        },
      });
      assert.equal(typeof (JSON.parse(answer.text!) as { name: unknown }).name, 'string');
    });

    test("errors raise the SDK's own class, with their status", async () => {
      const failing = (options: object) =>
        client.models.generateContent({ model, contents: script(options) });
      for (const status of [400, 429, 500]) await assert.rejects(failing({ status }), statusIs(status));
      await assert.rejects(client.models.generateContent({ model: 'nowhere', contents: 'x' }), statusIs(404));
      await assert.rejects(clientOf('wrong').models.generateContent({ model, contents: 'x' }), statusIs(401));
    });

    test('an error in the stream is raised', async () => {
      const stream = await client.models.generateContentStream({
        model,
        contents: script({ tokens: 10, errorInStreamAt: 4, paceMs: 5 }),
      });
      let text = '';
      await assert.rejects(async () => {
        for await (const chunk of stream) text += chunk.text ?? '';
      }, ApiError);
      assert.ok(text.length > 0);
    });

    test('an abort reaches the upstream, and is on the books', async () => {
      gateway.simulator.reset();
      const controller = new AbortController();
      const stream = await client.models.generateContentStream({
        model,
        contents: script({ tokens: 400, paceMs: 20 }),
        config: { abortSignal: controller.signal },
      });
      const id = exchange;
      await assert.rejects(async () => {
        for await (const chunk of stream) if (chunk.text) controller.abort();
      });
      const receipt = await receiptOf(gateway, id);
      assert.equal(receipt.outcome, 'client_gone');
      assert.equal(gateway.simulator.calls().length, 1);
    });
  });
}

const idOf = ({ id }: { id?: string }) => (id === undefined ? {} : { id });
const statusIs = (status: number) => (error: unknown) => {
  assert.ok(error instanceof ApiError, String(error));
  assert.equal(error.status, status);
  return true;
};

describe('within the dialect', () => {
  const model = 'g/gemini-3-sim';

  test('what nobody knows passes, both ways; the model stands in the path alone', async () => {
    gateway.simulator.reset();
    const body = {
      contents: [{ role: 'user', parts: [{ text: script({ unknownFields: true, text: 'Yes.' }) }] }],
      safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'OFF' }],
      generation_config: { max_output_tokens: 7 },
      model: 'models/another',
    };
    const answer = await ask(`/v1beta/models/${model}:generateContent`, body);
    assert.deepEqual(((await answer.json()) as Record<string, unknown>)['simUnknown'], { nested: [1] });
    const [call] = gateway.simulator.calls();
    assert.equal(call!.path, '/v1beta/models/gemini-3-sim:generateContent');
    const { model: _, ...rest } = body;
    assert.deepEqual(call!.body, rest);
  });

  test('the delay that an error names reaches the client as its header', async () => {
    const contents = [{ parts: [{ text: script({ status: 429, retryAfter: 34.4 }) }] }];
    const answer = await ask(`/v1/models/${model}:generateContent`, { contents });
    assert.equal(answer.status, 429);
    assert.equal(answer.headers.get('retry-after'), '35');
  });

  test('files at the vendor are not for everybody', async () => {
    const parts = [{ file_data: { file_uri: 'https://generativelanguage.googleapis.com/v1beta/files/abc' } }];
    const answer = await ask(`/v1beta/models/${model}:generateContent`, { contents: [{ parts }] });
    assert.equal(answer.status, 404);
    assert.match(await answer.text(), /contents\[0\]\.parts\[0\]\.file_data\.file_uri/);
  });
});

test("an OpenAI client's tool loop is taken back by a model that wants proofs", async () => {
  const call = { id: 'call_1', type: 'function', function: { name: 'get_time', arguments: '{}' } };
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'g/gemini-3-sim',
      messages: [
        { role: 'user', content: 'What time is it?' },
        { role: 'assistant', content: null, tool_calls: [call] },
        { role: 'tool', tool_call_id: 'call_1', content: 'noon' },
      ],
      tools: [
        { type: 'function', function: { name: 'get_time', parameters: { type: 'object', properties: {} } } },
      ],
    }),
  });
  assert.equal(answer.status, 200, await answer.text());
});

test('paths of the vendor’s cloud', async () => {
  const contents = [{ parts: [{ text: script({ text: 'Yes.' }) }] }];
  for (const place of [
    '/v1beta1/projects/p/locations/l/publishers/google/models/g/gemini-3-sim',
    '/v1beta1/publishers/o/models/gpt-sim',
  ]) {
    const answer = await ask(`${place}:generateContent`, { contents });
    assert.match(await answer.text(), /Yes\./);
  }
});

test('the key may come in the query, and goes no further', async () => {
  gateway.simulator.reset();
  const path = `/v1beta/models/g/gemini-3-sim:streamGenerateContent?alt=sse&key=${testKey}`;
  const contents = [{ parts: [{ text: 'x' }] }];
  const body = JSON.stringify({ contents });
  const answer = await fetch(gateway.url + path, { method: 'POST', body });
  assert.equal(answer.status, 200, await answer.text());
  const wrong = await fetch(`${gateway.url}${path}&key=other`, { method: 'POST', body });
  assert.equal(wrong.status, 401);
  assert.equal(gateway.simulator.calls().length, 1);
  assert.equal(gateway.simulator.calls()[0]!.path, '/v1beta/models/gemini-3-sim:streamGenerateContent');
});

test('models are listed in its own form', async () => {
  for (const path of ['/v1beta/models', '/v1/models', `/v1/models?key=${testKey}`]) {
    const headers = path.includes('key=') ? {} : { 'x-goog-api-key': testKey };
    const answer = await fetch(gateway.url + path, { headers });
    const { models } = (await answer.json()) as { models: { name: string }[] };
    assert.ok(
      models.every(({ name }) => name.startsWith('models/')),
      path,
    );
  }
});

const ask = (path: string, body: object) =>
  fetch(gateway.url + path, {
    method: 'POST',
    headers: { 'x-goog-api-key': testKey, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
