import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { ANTHROPIC_PATH, OPENAI_PATH, post, readJson } from './probe.ts';
import type { WireJson } from './probe.ts';
import { signThinking, startSimulator } from './server.ts';
import type { SimulatedCall, Simulator } from './server.ts';

let simulator: Simulator;
before(async () => {
  simulator = await startSimulator();
});
beforeEach(() => simulator.reset());
after(() => simulator.close());

const user = { role: 'user', content: 'hi' };

async function statusOf(path: string, body: object, headers = {}): Promise<[number, string]> {
  const full = { model: 'sim-x', ...(path === ANTHROPIC_PATH && { max_tokens: 3000 }), ...body };
  const response = await post(simulator, path, full, { headers });
  const json = await readJson<Partial<WireJson>>(response);
  return [response.status, json.error?.message ?? ''];
}

const toolCall = { id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } };
const OPENAI_REFUSALS: [string, object][] = [
  ['no messages', {}],
  ['empty messages', { messages: [] }],
  ['unknown role', { messages: [{ role: 'robot', content: 'x' }] }],
  ['a foreign key', { messages: [user], system: 'be brief' }],
  ['a foreign part', { messages: [{ role: 'user', content: [{ type: 'image', source: {} }] }] }],
  ['an orphan tool message', { messages: [user, { role: 'tool', tool_call_id: 'c1', content: 'x' }] }],
  ['an unanswered tool call', { messages: [user, { role: 'assistant', tool_calls: [toolCall] }, user] }],
  [
    'arguments that are an object',
    {
      messages: [
        user,
        { role: 'assistant', tool_calls: [{ ...toolCall, function: { name: 'f', arguments: {} } }] },
      ],
    },
  ],
  ['stream_options without stream', { messages: [user], stream_options: { include_usage: true } }],
  ['a choice without tools', { messages: [user], tool_choice: 'required' }],
  ['an Anthropic tool', { messages: [user], tools: [{ name: 'f', input_schema: { type: 'object' } }] }],
  ['five stops', { messages: [user], stop: ['a', 'b', 'c', 'd', 'e'] }],
  ['two limits', { messages: [user], max_tokens: 1, max_completion_tokens: 1 }],
];

const use = { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'f', input: {} }] };
const result = { type: 'tool_result', tool_use_id: 't1', content: 'done' };
const ANTHROPIC_REFUSALS: [string, object][] = [
  ['no max_tokens', { messages: [user], max_tokens: undefined }],
  ['no messages', {}],
  ['an assistant first', { messages: [{ role: 'assistant', content: 'x' }, user] }],
  ['unknown role', { messages: [{ role: 'tool', content: 'x' }] }],
  ['a foreign key', { messages: [user], stop: ['x'] }],
  [
    'a foreign part',
    { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
  ],
  ['an empty text block', { messages: [{ role: 'user', content: [{ type: 'text', text: '' }] }] }],
  ['an orphan result', { messages: [{ role: 'user', content: [result] }] }],
  ['an unanswered use', { messages: [user, use, user] }],
  [
    'text before the result',
    { messages: [user, use, { role: 'user', content: [{ type: 'text', text: 'x' }, result] }] },
  ],
  ['an OpenAI tool', { messages: [user], tools: [{ type: 'function', function: { name: 'f' } }] }],
  [
    'a forged signature',
    {
      messages: [
        user,
        { role: 'assistant', content: [{ type: 'thinking', thinking: 'a', signature: 'b' }] },
        user,
      ],
    },
  ],
  [
    'a data URL as base64',
    {
      messages: [
        {
          role: 'user',
          content: [
            {
              type: 'image',
              source: { type: 'base64', media_type: 'image/png', data: 'data:image/png;base64,AAAA' },
            },
          ],
        },
      ],
    },
  ],
  ['too small a budget', { messages: [user], thinking: { type: 'enabled', budget_tokens: 10 } }],
];

describe('requests', () => {
  for (const [path, refusals] of [
    [OPENAI_PATH, OPENAI_REFUSALS],
    [ANTHROPIC_PATH, ANTHROPIC_REFUSALS],
  ] as const) {
    for (const [name, body] of refusals) {
      it(`${path} refuses ${name}`, async () => {
        const [status, message] = await statusOf(path, body);
        assert.equal(status, 400);
        assert.notEqual(message, '');
        assert.equal(simulator.calls()[0]?.finished, 'refused');
      });
    }
    it(`${path} refuses a missing or bad key, bad JSON and an unknown script option`, async () => {
      const headers = { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' };
      const url = simulator.url + path;
      assert.equal((await fetch(url, { method: 'POST', headers, body: '{}' })).status, 401);
      const key = path === OPENAI_PATH ? { authorization: 'Bearer bad-key' } : { 'x-api-key': 'bad-key' };
      assert.equal((await statusOf(path, { messages: [user] }, key))[0], 401);
      const bearer = { ...headers, authorization: 'Bearer k' };
      assert.equal((await fetch(url, { method: 'POST', headers: bearer, body: '{"a":' })).status, 400);
      const [status, message] = await statusOf(path, { messages: [user], model: 'sim-x?tokns=3' });
      assert.equal(status, 400);
      assert.match(message, /unknown option 'tokns'/);
    });
  }

  it('refuses sampling in the newer Anthropic version only, and unknown versions', async () => {
    const body = { messages: [user], temperature: 0.5 };
    assert.equal((await statusOf(ANTHROPIC_PATH, body))[0], 200);
    assert.equal((await statusOf(ANTHROPIC_PATH, body, { 'anthropic-version': '2026-10-21' }))[0], 400);
    assert.equal(
      (await statusOf(ANTHROPIC_PATH, { messages: [user] }, { 'anthropic-version': '2024-01-01' }))[0],
      400,
    );
  });

  it('refuses stream_options when told so', async () => {
    simulator.enqueue({ rejectStreamOptions: true });
    const [status, message] = await statusOf(OPENAI_PATH, {
      messages: [user],
      stream: true,
      stream_options: {},
    });
    assert.equal(status, 400);
    assert.match(message, /stream_options/);
  });

  it('takes back the thinking it signed', async () => {
    const thinking = { type: 'thinking', thinking: 'hm', signature: signThinking('hm') };
    const body = {
      messages: [
        user,
        { role: 'assistant', content: [thinking, ...use.content] },
        { role: 'user', content: [result] },
      ],
    };
    assert.deepEqual(await statusOf(ANTHROPIC_PATH, body), [200, '']);
  });

  it('understands the same conversation in both formats alike', async () => {
    const schema = { type: 'object', properties: { q: { type: 'string' } } };
    simulator.defaults = { echo: true };
    const image = 'iVBORw0KGgo=';
    const openai = await post(simulator, OPENAI_PATH, {
      model: 'm',
      max_completion_tokens: 77,
      stop: ['END'],
      tools: [{ type: 'function', function: { name: 'f', description: 'd', parameters: schema } }],
      tool_choice: 'required',
      parallel_tool_calls: false,
      messages: [
        { role: 'system', content: 'Be brief.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'look' },
            { type: 'image_url', image_url: { url: `data:image/png;base64,${image}` } },
          ],
        },
        { role: 'assistant', content: null, tool_calls: [{ ...toolCall, id: 't1' }] },
        { role: 'tool', tool_call_id: 't1', content: 'done' },
      ],
    });
    const anthropic = await post(simulator, ANTHROPIC_PATH, {
      model: 'm',
      max_tokens: 77,
      stop_sequences: ['END'],
      system: 'Be brief.',
      tools: [{ name: 'f', description: 'd', input_schema: schema }],
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'look' },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: image } },
          ],
        },
        use,
        { role: 'user', content: [result] },
      ],
    });
    const differing = { vendor: null, headers: null, includeUsage: null };
    const fromOpenAi = await readJson(openai);
    const fromAnthropic = await readJson(anthropic);
    const one = { ...JSON.parse(fromOpenAi.choices[0]?.message.content ?? ''), ...differing };
    const other = { ...JSON.parse(fromAnthropic.content[0]?.text ?? ''), ...differing };
    assert.deepEqual(one, other);
    assert.equal(one.images, 1);
    assert.deepEqual(one.toolChoice, { mode: 'required' });
    assert.equal(one.parallelTools, false);
  });
});

describe('scripts', () => {
  it('lets the more particular way win, and uses a queued script once', async () => {
    simulator.defaults = { text: 'default', finish: 'length' };
    simulator.enqueue({ text: 'queued' });
    const said = async (content: string, headers = {}): Promise<unknown[]> => {
      const response = await post(
        simulator,
        OPENAI_PATH,
        { model: 'sim-x', messages: [{ role: 'user', content }] },
        { headers },
      );
      const [choice] = (await readJson(response)).choices;
      return [choice?.message.content, choice?.finish_reason];
    };
    assert.deepEqual(await said('hi'), ['queued', 'length']);
    assert.deepEqual(await said('hi'), ['default', 'length']);
    assert.deepEqual(await said('go simulate:{"text":"a } \\" b"} now'), ['a } " b', 'length']);
    assert.deepEqual(await said('simulate:{"text":"in text"}', { 'x-simulate': '{"text":"in header"}' }), [
      'in header',
      'length',
    ]);
  });

  it('is driven and read over HTTP', async () => {
    const control = (path: string, body?: unknown): Promise<Response> =>
      fetch(simulator.url + path, body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) });
    assert.equal((await control('/_script', [{ text: 'one' }])).status, 200);
    assert.equal((await control('/_script', [{ txt: 'one' }])).status, 400);
    const headers = { 'x-sluice-exchange': 'ex-1' };
    await (await post(simulator, OPENAI_PATH, { model: 'm', messages: [user] }, { headers })).text();
    const [call] = await readJson<SimulatedCall[]>(control('/_calls'));
    assert.ok(call);
    assert.deepEqual(
      [call.exchangeId, call.script.text, call.model, call.finished],
      ['ex-1', 'one', 'm', 'complete'],
    );
    const [brief] = await readJson<Partial<SimulatedCall>[]>(control('/_calls?ids=1'));
    assert.ok(brief);
    assert.deepEqual(brief.usage, call.usage);
    assert.ok('body' in call && !('body' in brief));
    await control('/_reset', {});
    assert.deepEqual(await (await control('/_calls')).json(), []);
  });
});
