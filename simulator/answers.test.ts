import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { ANTHROPIC_PATH, OPENAI_PATH, parseEvents, post, postRaw, readJson } from './probe.ts';
import type { WireJson } from './probe.ts';
import { startSimulator } from './server.ts';
import type { Simulator } from './server.ts';

let simulator: Simulator;
before(async () => {
  simulator = await startSimulator();
});
beforeEach(() => simulator.reset());
after(() => simulator.close());

const ask = (extra: object = {}): Record<string, unknown> => ({
  model: 'sim-x',
  max_tokens: 1000,
  messages: [{ role: 'user', content: 'x'.repeat(40) }],
  ...extra,
});

interface StreamedEvent {
  event?: string;
  json: WireJson;
}

/** Reads the events of a streamed answer; the terminator that is no JSON becomes an object of type `[DONE]`. */
async function streamJson(path: string, body: object): Promise<StreamedEvent[]> {
  const text = await (await post(simulator, path, { ...body, stream: true })).text();
  return parseEvents(text).map(({ event, data }) => ({
    event,
    json: JSON.parse(data === '[DONE]' ? '{"type":"[DONE]"}' : data) as WireJson,
  }));
}

describe('OpenAI chat answers', () => {
  it('streams one chunk per token, then finish, usage alone, and the terminator', async () => {
    simulator.enqueue({ tokens: 5, reasoning: 2 });
    const events = await streamJson(OPENAI_PATH, ask({ stream_options: { include_usage: true } }));
    const chunks = events.slice(0, -1).map(({ json }) => json);
    assert.equal(events.at(-1)?.json.type, '[DONE]');
    assert.equal(chunks.filter((chunk) => chunk.choices[0]?.delta.reasoning_content).length, 2);
    assert.equal(chunks.filter((chunk) => chunk.choices[0]?.delta.content).length, 5);
    assert.equal(chunks.at(-2)?.choices[0]?.finish_reason, 'stop');
    assert.deepEqual(chunks.at(-1)?.choices, []);
    assert.ok(chunks.slice(0, -1).every((chunk) => chunk.usage === null));
    const { prompt_tokens, completion_tokens, total_tokens } = chunks.at(-1)?.usage ?? {};
    assert.deepEqual([prompt_tokens, completion_tokens, total_tokens], [10, 7, 17]);
    const [call] = simulator.calls();
    assert.deepEqual(call?.usage, chunks.at(-1)?.usage);
    assert.deepEqual(
      [call?.chunks, call?.tokensGenerated, call?.finished, call?.id],
      [7, 7, 'complete', chunks[0]?.id],
    );
  });

  it('reports no usage in a stream that did not ask, and none when told so', async () => {
    assert.ok((await streamJson(OPENAI_PATH, ask())).every(({ json }) => !('usage' in json)));
    simulator.enqueue({ usage: 'none' });
    const asked = await streamJson(OPENAI_PATH, ask({ stream_options: { include_usage: true } }));
    assert.ok(asked.every(({ json }) => !('usage' in json)));
    assert.deepEqual(
      simulator.calls().map((call) => call.usage),
      [null, null],
    );
  });

  it('reports usage cumulatively, in the finish chunk, or twice', async () => {
    simulator.enqueue(
      { tokens: 3, usage: 'cumulative' },
      { tokens: 3, usage: 'finish-chunk' },
      { tokens: 3, usage: 'twice' },
    );
    const counts = async (body: object): Promise<unknown[]> =>
      (await streamJson(OPENAI_PATH, body)).flatMap(({ json }) => json.usage?.completion_tokens ?? []);
    assert.deepEqual(await counts(ask()), [1, 2, 3, 3]);
    assert.deepEqual(await counts(ask({ stream_options: { include_usage: true } })), [3]);
    assert.deepEqual(await counts(ask({ stream_options: { include_usage: true } })), [3, 3]);
  });

  it('lies about usage as told', async () => {
    const lies = { zero: 0, negative: -1, nan: 'NaN', huge: 1e18 };
    for (const [usage, expected] of Object.entries(lies)) {
      const body = await readJson(post(simulator, OPENAI_PATH, ask({ model: `sim-x?usage=${usage}` })));
      assert.equal(body.usage.prompt_tokens, expected);
      assert.equal(body.usage.completion_tokens, expected);
    }
    const text = await (await post(simulator, OPENAI_PATH, ask({ model: 'sim-x?usage=nan-literal' }))).text();
    assert.match(text, /"prompt_tokens":NaN/);
  });

  it('honours n, the token limit and stop sequences', async () => {
    const many = await readJson(post(simulator, OPENAI_PATH, ask({ model: 'sim-x?tokens=4', n: 3 })));
    assert.equal(many.choices.length, 3);
    assert.equal(many.usage.completion_tokens, 12);
    const cut = await readJson(post(simulator, OPENAI_PATH, ask({ model: 'sim-x?tokens=9', max_tokens: 4 })));
    assert.deepEqual([cut.choices[0]?.finish_reason, cut.usage.completion_tokens], ['length', 4]);
    simulator.enqueue({ text: 'one two three' });
    const stopped = await readJson(post(simulator, OPENAI_PATH, ask({ stop: [' two'] })));
    assert.deepEqual(
      [stopped.choices[0]?.message.content, stopped.choices[0]?.finish_reason],
      ['one', 'stop'],
    );
  });

  it('fragments parallel tool calls, the same calls as in a whole answer', async () => {
    const tools = [
      { name: 'weather', arguments: { city: 'Zürich', days: 3 } },
      { name: 'clock', arguments: '' },
    ];
    simulator.enqueue({ tools }, { tools });
    const found: { name: string; json: string }[] = [];
    for (const { json } of await streamJson(OPENAI_PATH, ask())) {
      for (const call of json.choices?.[0]?.delta.tool_calls ?? []) {
        found[call.index] ??= { name: call.function.name, json: '' };
        found[call.index]!.json += call.function.arguments;
      }
    }
    assert.deepEqual(found, [
      { name: 'weather', json: '{"city":"Zürich","days":3}' },
      { name: 'clock', json: '' },
    ]);
    const whole = await readJson(post(simulator, OPENAI_PATH, ask()));
    assert.deepEqual(
      whole.choices[0]?.message.tool_calls.map((call) => call.function.arguments),
      found.map((call) => call.json),
    );
    assert.equal(simulator.calls()[0]?.tokensGenerated, whole.usage.completion_tokens);
  });

  it('answers a schema with a document that fits, and a forced tool with a call', async () => {
    const schema = {
      type: 'object',
      properties: { id: { type: 'integer' }, tags: { type: 'array', items: { enum: ['a'] } } },
    };
    const format = { type: 'json_schema', json_schema: { name: 'doc', schema } };
    const body = await readJson(post(simulator, OPENAI_PATH, ask({ response_format: format })));
    assert.deepEqual(JSON.parse(body.choices[0]?.message.content ?? ''), { id: 1, tags: ['a'] });
    const tools = [{ type: 'function', function: { name: 'pick', parameters: schema } }];
    const forced = await readJson(post(simulator, OPENAI_PATH, ask({ tools, tool_choice: 'required' })));
    assert.deepEqual(JSON.parse(forced.choices[0]?.message.tool_calls[0]?.function.arguments ?? ''), {
      id: 1,
      tags: ['a'],
    });
    assert.equal(forced.choices[0]?.finish_reason, 'tool_calls');
  });
});

describe('Anthropic messages answers', () => {
  it('streams named events whose blocks open and close, with usage split over start and delta', async () => {
    const scripted = { prompt: 100, cached: 30, cacheWrite5m: 20, cacheWrite1h: 5 };
    simulator.enqueue({
      tokens: 3,
      reasoning: 2,
      tools: [{ name: 't', arguments: { a: 1 } }],
      usage: scripted,
    });
    const events = await streamJson(ANTHROPIC_PATH, ask());
    assert.ok(events.every(({ event, json }) => event === json.type));
    const starts = events
      .filter(({ event }) => event === 'content_block_start')
      .map(({ json }) => json.content_block?.type);
    assert.deepEqual(starts, ['thinking', 'text', 'tool_use']);
    assert.equal(events.filter(({ event }) => event === 'content_block_stop').length, 3);
    const opening = events[0]?.json.message.usage;
    assert.equal(opening?.input_tokens, 45);
    assert.equal(opening?.cache_read_input_tokens, 30);
    assert.deepEqual(opening?.cache_creation, {
      ephemeral_5m_input_tokens: 20,
      ephemeral_1h_input_tokens: 5,
    });
    const closing = events.find(({ event }) => event === 'message_delta')?.json;
    assert.equal(closing?.delta?.stop_reason, 'tool_use');
    assert.equal(closing?.usage.output_tokens, simulator.calls()[0]?.tokensGenerated);
    assert.deepEqual(closing?.usage.output_tokens_details, { thinking_tokens: 2 });
    assert.equal(events.at(-1)?.event, 'message_stop');
  });

  it('sends refusals, redacted thinking and calls without arguments', async () => {
    simulator.enqueue({ refusal: true }, { redactedThinking: true, toolNoArgs: 'now' });
    const refused = await readJson(post(simulator, ANTHROPIC_PATH, ask()));
    assert.deepEqual(
      [refused.stop_reason, refused.content, refused.stop_details.type],
      ['refusal', [], 'refusal'],
    );
    const events = await streamJson(ANTHROPIC_PATH, ask());
    const blocks = events.flatMap(({ json }) => json.content_block?.type ?? []);
    assert.deepEqual(blocks, ['redacted_thinking', 'tool_use']);
    const partials = events.flatMap(({ json }) => json.delta?.partial_json ?? []);
    assert.deepEqual(partials, ['']);
  });

  it('counts tokens as the message call would', async () => {
    const counted = await readJson(
      fetch(`${simulator.url}/v1/messages/count_tokens`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-api-key': 'k', 'anthropic-version': '2026-10-21' },
        body: JSON.stringify({ model: 'sim-x', messages: [{ role: 'user', content: 'x'.repeat(40) }] }),
      }),
    );
    const answered = await readJson(post(simulator, ANTHROPIC_PATH, ask()));
    assert.equal(counted.input_tokens, 10);
    assert.equal(answered.usage.input_tokens, 10);
  });
});

describe('framing', () => {
  for (const path of [OPENAI_PATH, ANTHROPIC_PATH]) {
    it(`${path}: every framing carries the same events`, async () => {
      const plain = (await streamJson(path, ask({ model: 'sim-x?tokens=4' }))).map(({ event, json }) => [
        event,
        json.type ?? json.object,
      ]);
      for (const framing of [
        { crlf: true },
        { comments: true },
        { multiLineData: true },
        { splitAt: 'every' },
        { gzip: true },
      ] as const) {
        simulator.enqueue({ ...framing, tokens: 4 });
        const events = (await streamJson(path, ask())).map(({ event, json }) => [
          event,
          json.type ?? json.object,
        ]);
        assert.deepEqual(events, plain, JSON.stringify(framing));
      }
    });
  }

  it('compresses only when asked, in pieces that inflate to the plain stream', async () => {
    simulator.defaults = { gzip: true, tokens: 3 };
    const body = ask({ stream: true });
    const plain = await postRaw(simulator, OPENAI_PATH, body);
    assert.doesNotMatch(plain.text, /content-encoding/i);
    const packed = await postRaw(simulator, OPENAI_PATH, body, { headers: { 'accept-encoding': 'gzip' } });
    assert.match(packed.text, /content-encoding: gzip/i);
    const unstable = /"id":"[^"]*"|"created":\d+/g;
    const [inflated, expected] = [gunzipSync(Buffer.concat(packed.chunks)), Buffer.concat(plain.chunks)];
    assert.equal(inflated.toString().replace(unstable, ''), expected.toString().replace(unstable, ''));
  });

  it('cuts the stream at the byte asked for, and byte by byte', async () => {
    simulator.enqueue({ splitAt: 37, tokens: 2 }, { splitAt: 'every', tokens: 2 });
    const once = await postRaw(simulator, OPENAI_PATH, ask({ stream: true }));
    assert.equal(once.chunks[0]?.length, 37);
    const every = await postRaw(simulator, OPENAI_PATH, ask({ stream: true }));
    assert.ok(every.chunks.length > 200);
    assert.ok(every.chunks.every((chunk) => chunk.length === 1));
  });
});
