import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Ollama } from '../clients/node_modules/ollama/dist/index.mjs';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { everyDialect } from '../harness/every-dialect.ts';
import { countsOf, receiptOf } from '../harness/receipts.ts';

let gateway: TestGateway;
let client: Ollama;
/** Of the last answer. */
let exchange = '';
before(async () => {
  gateway = await startTestGateway(await everyDialect());
  client = new Ollama({
    host: gateway.url,
    headers: { authorization: `Bearer ${testKey}` },
    async fetch(input: string | URL | Request, init?: RequestInit) {
      const answer = await fetch(input, init);
      exchange = answer.headers.get('x-sluice-exchange') ?? '';
      return answer;
    },
  });
});
after(async () => {
  await gateway.stop();
  await gateway.simulator.close();
});

const script = (options: object) => `simulate:${JSON.stringify(options)}`;
const ask = (content: string) => [{ role: 'user', content }];
const tools = ['get_weather', 'get_time'].map((name) => ({
  type: 'function',
  function: {
    name,
    description: `${name} of a city`,
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
}));

for (const model of ['l/llama-sim', 'o/gpt-sim', 'a/claude-sim', 'c/command-sim']) {
  describe(`ollama SDK → ${model}`, () => {
    test('text, whole, with its usage on the receipt', async () => {
      const answer = await client.chat({ model, messages: ask(script({ text: 'Hello there, friend.' })) });
      assert.equal(answer.message.content, 'Hello there, friend.');
      assert.equal(answer.done, true);
      assert.equal(answer.done_reason, 'stop');
      assert.equal(answer.eval_count, 3);
      const receipt = await receiptOf(gateway, exchange);
      assert.equal(receipt.outcome, 'completed');
      const counts = countsOf(receipt.attempts.at(-1)!);
      assert.deepEqual(counts, { input: answer.prompt_eval_count, output: 3 });
    });

    test('text and thinking, streamed', async () => {
      let text = '';
      let thinking = '';
      let last = null;
      const messages = ask(script({ tokens: 12, reasoning: 'Let me see.' }));
      for await (const line of await client.chat({ model, stream: true, messages })) {
        text += line.message.content;
        thinking += line.message.thinking ?? '';
        last = line;
      }
      assert.equal(text.trim().split(/\s+/).length, 12);
      assert.equal(thinking, 'Let me see.');
      assert.equal(last?.done_reason, 'stop');
      assert.equal(last.eval_count, 15);
    });

    test('a prompt, whole and streamed', async () => {
      const prompt = script({ text: 'Hello there, friend.', reasoning: 'Hm.' });
      const whole = await client.generate({
        model,
        prompt,
        system: 'Be brief.',
        options: { num_predict: 50 },
      });
      assert.deepEqual(
        [whole.response, whole.thinking, whole.done_reason],
        ['Hello there, friend.', 'Hm.', 'stop'],
      );
      assert.equal(whole.eval_count, 4);
      const receipt = await receiptOf(gateway, exchange);
      const counts = countsOf(receipt.attempts.at(-1)!);
      assert.equal((counts['output'] ?? 0) + (counts['output/reasoning'] ?? 0), 4);
      let text = '';
      let last = null;
      for await (const line of await client.generate({ model, prompt, stream: true })) {
        text += line.response;
        last = line;
      }
      assert.equal(text, 'Hello there, friend.');
      assert.equal(last?.eval_count, 4);
    });

    test('parallel tool calls, streamed and whole, and their results', async () => {
      const wish = ask(
        script({
          tools: [
            { name: 'get_weather', arguments: { city: 'Bern' } },
            { name: 'get_time', arguments: { city: 'Köln' } },
          ],
        }),
      );
      const expected = [
        ['get_weather', { city: 'Bern' }],
        ['get_time', { city: 'Köln' }],
      ];
      const whole = await client.chat({ model, tools, messages: wish });
      const called = (calls: typeof whole.message.tool_calls) =>
        (calls ?? []).map((call) => [call.function.name, call.function.arguments]);
      assert.deepEqual(called(whole.message.tool_calls), expected);
      const streamed = [];
      for await (const line of await client.chat({ model, tools, messages: wish, stream: true }))
        streamed.push(...called(line.message.tool_calls));
      assert.deepEqual(streamed, expected);
      // As its users do: what came goes back as it is, and results bear the tools' names alone.
      const after = await client.chat({
        model,
        tools,
        messages: [
          ...ask('What is it like?'),
          whole.message,
          { role: 'tool', tool_name: 'get_time', content: 'noon' },
          { role: 'tool', tool_name: 'get_weather', content: 'rain' },
          ...ask(script({ echo: true })),
        ],
      });
      const { turns } = JSON.parse(after.message.content) as {
        turns: { parts: { type: string; id: string; name?: string; text?: string }[] }[];
      };
      const parts = turns.flatMap((turn) => turn.parts);
      const asked = parts.filter((part) => part.type === 'tool-call');
      const answered = parts.filter((part) => part.type === 'tool-result');
      assert.deepEqual(
        asked.map(({ name }) => name),
        ['get_weather', 'get_time'],
      );
      const textOf = (name: string) => {
        const { id } = asked.find((call) => call.name === name)!;
        return answered.find((result) => result.id === id || result.id === name)?.text;
      };
      assert.deepEqual([textOf('get_weather'), textOf('get_time')], ['rain', 'noon']);
    });

    test('options, pictures and structured output reach the model', async () => {
      const seen = await client.chat({
        model,
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: script({ echo: true }), images: ['iVBORw0KGgo='] },
        ],
        options: { num_predict: 77, stop: ['END'], temperature: 0.5 },
      });
      const echo = JSON.parse(seen.message.content) as Record<string, unknown>;
      assert.deepEqual(
        [echo['system'], echo['stop'], echo['maxTokens'], echo['images']],
        [['Be brief.'], ['END'], 77, 1],
      );
      assert.equal((echo['sampling'] as Record<string, unknown>)['temperature'], 0.5);
      const schema = {
        type: 'object',
        properties: { name: { type: 'string' } },
        required: ['name'],
        additionalProperties: false,
      };
      const answer = await client.chat({ model, messages: ask('Name one.'), format: schema });
      assert.equal(typeof (JSON.parse(answer.message.content) as { name: unknown }).name, 'string');
    });

    test("errors raise the SDK's own, before the answer and within it", async () => {
      const failing = (options: object, stream: boolean) =>
        stream
          ? client.chat({ model, messages: ask(script(options)), stream: true })
          : client.chat({ model, messages: ask(script(options)) });
      const named = (status: number) => (error: unknown) =>
        (error as Error).name === 'ResponseError' &&
        (error as { status_code: number }).status_code === status &&
        (error as Error).message.includes('Simulated');
      for (const status of [400, 429, 500]) await assert.rejects(failing({ status }, false), named(status));
      let text = '';
      await assert.rejects(async () => {
        const stream = await client.chat({
          model,
          stream: true,
          messages: ask(script({ tokens: 10, errorInStreamAt: 4, paceMs: 5 })),
        });
        for await (const line of stream) text += line.message.content;
      }, /error|overloaded/i);
      assert.ok(text.length > 0);
    });

    test('an abort reaches the upstream, and is on the books', async () => {
      gateway.simulator.reset();
      const stream = await client.chat({
        model,
        stream: true,
        messages: ask(script({ tokens: 400, paceMs: 20 })),
      });
      const id = exchange;
      await assert.rejects(async () => {
        for await (const line of stream) if (line.message.content) stream.abort();
      });
      const receipt = await receiptOf(gateway, id);
      assert.equal(receipt.outcome, 'client_gone');
      assert.equal(gateway.simulator.calls().length, 1);
    });
  });
}

test('it streams unless it is told not to', async () => {
  const answer = await fetch(`${gateway.url}/api/chat`, {
    method: 'POST',
    headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'o/gpt-sim', messages: ask(script({ text: 'A b.' })) }),
  });
  assert.match(answer.headers.get('content-type')!, /^application\/x-ndjson/);
  const lines = (await answer.text()).trimEnd().split('\n');
  assert.equal(lines.length, 3);
});

test('models are listed, and strangers refused, in its own form', async () => {
  const { models } = await client.list();
  assert.ok(Array.isArray(models));
  const stranger = new Ollama({ host: gateway.url, headers: { authorization: 'Bearer wrong' } });
  await assert.rejects(stranger.chat({ model: 'l/llama-sim', messages: ask('x') }), /key is not known/);
});

test('what it does not know survives within the dialect, byte for byte', async () => {
  gateway.simulator.reset();
  const body = `{"model":"l/llama-sim", "keep_alive":"5m","options":{"num_ctx":4096,"min_p":0.05},"stream":false,"messages":[{"role":"user","content":"x"}]}`;
  const answer = await fetch(`${gateway.url}/ollama/api/chat`, {
    method: 'POST',
    headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
    body,
  });
  assert.equal(answer.status, 200);
  assert.ok(((await answer.json()) as { total_duration: number }).total_duration > 0);
  const [call] = gateway.simulator.calls();
  assert.equal(call!.bodyBytes, body.replace('l/llama-sim', 'llama-sim').length);
});

test('what a prompt says besides is named beyond the dialect, and passes within it', async () => {
  const ask = async (model: string) => {
    const body = { model, prompt: 'def f(', suffix: ')', raw: false, keep_alive: '1m', stream: false };
    const answer = await fetch(`${gateway.url}/api/generate`, {
      method: 'POST',
      headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    assert.equal(answer.status, 200);
    return answer.headers.get('x-sluice-dropped');
  };
  assert.equal(await ask('o/gpt-sim'), 'suffix, keep_alive');
  assert.equal(await ask('l/llama-sim'), null);
  const { path, body } = gateway.simulator.calls().at(-1)!;
  assert.equal(path, '/api/generate');
  assert.equal((body as { suffix: string }).suffix, ')');
});
