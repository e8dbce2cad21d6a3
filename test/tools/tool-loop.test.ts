/** The tool loop, from the OpenAI SDK over real sockets: a model by a script on one side, a server of tools on the other. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import type { ServerResponse } from 'node:http';
import { after, before, beforeEach, describe, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { startJsonUpstream, type JsonUpstream } from '../harness/json-upstream.ts';
import { receiptOf } from '../harness/receipts.ts';

type OpenAIModule = typeof import('../clients/node_modules/openai/index.d.mts');
const load = createRequire(new URL('../clients/package.json', import.meta.url));
const { OpenAI } = load('openai') as OpenAIModule;

const limits = { timeout: 120_000 };

interface Said {
  readonly text?: string;
  readonly calls?: readonly (readonly [name: string, args: object])[];
}
interface Body {
  readonly stream?: boolean;
  readonly tools: readonly { readonly function?: { readonly name: string }; readonly name?: string }[];
  readonly tool_choice?: unknown;
  readonly messages: readonly {
    readonly role: string;
    readonly content: unknown;
    readonly tool_calls?: unknown;
  }[];
}

let model: JsonUpstream;
let server: JsonUpstream;
let gateway: TestGateway;
let client: InstanceType<OpenAIModule['OpenAI']>;
/** What the model was asked, in order, and what it says to each. */
let asked: Body[];
let script: (n: number) => Said | null;
let called: string[];
/** The next call of the tool `wait` has come. */
let waiting: PromiseWithResolvers<{ gone: Promise<void> }>;

const json = (response: ServerResponse, value: unknown) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
};
const callsOf = ({ calls = [] }: Said, n: number) =>
  calls.map(([name, args], index) => ({
    index,
    id: `call_${n}_${index}`,
    type: 'function',
    function: { name, arguments: JSON.stringify(args) },
  }));
const usual = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
let usage = usual;

function say(response: ServerResponse, said: Said, n: number): void {
  const { text = null } = said;
  const calls = callsOf(said, n);
  const finish_reason = calls.length > 0 ? 'tool_calls' : 'stop';
  const head = { id: `up-${n}`, created: 1, model: 'gpt-test' };
  if (!asked.at(-1)!.stream) {
    const message = { role: 'assistant', content: text, ...(calls.length > 0 && { tool_calls: calls }) };
    const choices = [{ index: 0, message, finish_reason }];
    return json(response, { ...head, object: 'chat.completion', choices, usage });
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const chunk = (more: object) =>
    response.write(`data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', ...more })}\n\n`);
  const delta = (of: object, finish: string | null = null) =>
    chunk({ choices: [{ index: 0, delta: of, finish_reason: finish }] });
  delta({ role: 'assistant', content: '' });
  for (const word of (text ?? '').split(/(?<= )/)) if (word) delta({ content: word });
  for (const call of calls) delta({ tool_calls: [call] });
  delta({}, finish_reason);
  chunk({ choices: [], usage });
  response.end('data: [DONE]\n\n');
}

/** The same as Anthropic's models say it. */
function sayAnthropic(response: ServerResponse, said: Said, n: number): void {
  const uses = callsOf(said, n).map(({ id, function: { name, arguments: args } }) => ({
    ...{ type: 'tool_use', id, name, input: JSON.parse(args) as unknown },
  }));
  const content = [...(said.text ? [{ type: 'text', text: said.text }] : []), ...uses];
  json(response, {
    ...{ id: `msg_${n}`, type: 'message', role: 'assistant', model: 'claude-test', content },
    ...{ stop_reason: uses.length > 0 ? 'tool_use' : 'end_turn', stop_sequence: null },
    usage: { input_tokens: 10, output_tokens: 5 },
  });
}

function serveTools(response: ServerResponse, body: string): void {
  const { id, method, params } = JSON.parse(body) as {
    id: number;
    method: string;
    params: { name: string; arguments: Record<string, unknown> };
  };
  const give = (result: object) =>
    json(response, { jsonrpc: '2.0', id, result: { resultType: 'complete', ...result } });
  const inputSchema = { type: 'object', properties: {} };
  const names = ['add', 'fail', 'secret', 'wait'];
  if (method === 'tools/list')
    return give({ tools: names.map((name) => ({ name, inputSchema })), ttlMs: 0, cacheScope: 'private' });
  called.push(params.name);
  if (params.name === 'wait') {
    const gone = new Promise<void>((resolve) => response.on('close', resolve));
    return waiting.resolve({ gone });
  }
  if (params.name === 'fail')
    return give({ content: [{ type: 'text', text: 'no such row' }], isError: true });
  const { a, b } = params.arguments;
  give({ content: [{ type: 'text', text: String(Number(a) + Number(b)) }] });
}

before(async () => {
  model = await startJsonUpstream((response, { body, request }) => {
    asked.push(JSON.parse(body) as Body);
    const said = script(asked.length);
    if (!said) {
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end('{"error":{"message":"not today"}}');
    } else if (request.url!.endsWith('/messages')) sayAnthropic(response, said, asked.length);
    else say(response, said, asked.length);
  });
  server = await startJsonUpstream((response, { body }) => serveTools(response, body));
  const llm = (tools: object) => ({ llm: { tools: { servers: ['crm'], ...tools } } });
  gateway = await startTestGateway({
    config: {
      providers: {
        o: { dialect: 'openai-chat', baseUrl: `${model.url}/v1`, apiKey: 'sk-upstream', prefixes: ['gpt-'] },
        a: { kind: 'anthropic', baseUrl: model.url, apiKey: 'sk-upstream', prefixes: ['claude-'] },
      },
      servers: { crm: { url: `${server.url}/mcp`, era: 'modern' }, mail: { url: `${server.url}/mcp` } },
      routes: [
        { name: 'few', match: { path: '/few/**' }, stripPrefix: '/few', to: llm({ steps: 3, calls: 2 }) },
        {
          ...{ name: 'hard', match: { path: '/hard/**' }, stripPrefix: '/hard', to: llm({}) },
          policies: [{ 'key-auth': {} }, { budget: { by: 'key', money: '5 per day', hard: true } }],
        },
        {
          ...{ name: 'counted', match: { path: '/counted/**' }, stripPrefix: '/counted', to: llm({}) },
          policies: [{ 'key-auth': {} }, { 'rate-limit': { by: 'key', tokens: '3200/h', requests: '2/h' } }],
        },
        { name: 'llm', match: { path: '/v1/**' }, to: llm({}) },
      ],
      policies: [
        { 'key-auth': {} },
        { access: { tools: { 'crm/secret': { deny: { projects: ['web'] } } } } },
      ],
    },
  });
  client = clientAt('/v1');
});

const clientAt = (path: string) =>
  new OpenAI({
    ...{ apiKey: testKey, baseURL: `${gateway.url}${path}`, maxRetries: 0 },
    defaultHeaders: { 'mcp-context': 'crm' },
  });

after(async () => {
  await gateway.stop();
  await Promise.all([model.close(), server.close()]);
});

beforeEach(() => {
  usage = usual;
  asked = [];
  called = [];
  waiting = Promise.withResolvers();
});

const add = ['crm__add', { a: 2, b: 3 }] as const;
const request = { model: 'gpt-test', messages: [{ role: 'user' as const, content: 'What is 2 + 3?' }] };
const own = { type: 'function' as const, function: { name: 'ask_user', parameters: { type: 'object' } } };
const script2 = (n: number): Said =>
  n === 1 ? { text: 'Let me see. ', calls: [add] } : { text: 'It is 5.' };

describe('the tool loop', limits, () => {
  test('makes one answer of several steps, with one receipt', async () => {
    script = script2;
    const { data, response } = await client.chat.completions.create(request).withResponse();
    assert.equal(data.id, 'up-1');
    assert.equal(data.choices.length, 1);
    assert.equal(data.choices[0]!.message.content, 'Let me see. It is 5.');
    assert.equal(data.choices[0]!.message.tool_calls, undefined);
    assert.equal(data.choices[0]!.finish_reason, 'stop');
    assert.deepEqual([data.usage!.prompt_tokens, data.usage!.completion_tokens], [20, 10]);
    assert.deepEqual(called, ['add']);
    // A tool that the caller may not call is not there.
    assert.deepEqual(
      asked[0]!.tools.map((tool) => tool.function!.name),
      ['crm__add', 'crm__fail', 'crm__wait'],
    );
    assert.deepEqual(
      asked[1]!.messages.map(({ role }) => role),
      ['user', 'assistant', 'tool'],
    );
    assert.equal(asked[1]!.messages[2]!.content, '5');
    const receipt = await receiptOf(gateway, response.headers.get('x-sluice-exchange')!);
    assert.equal(receipt.outcome, 'completed');
    assert.deepEqual(
      receipt.attempts.map(({ number, provider, lines }) => [number, provider, lines.length > 0]),
      [
        [1, 'crm', false],
        [2, 'o', true],
        [3, 'crm', false],
        [4, 'o', true],
      ],
    );
  });

  test('streams what is said at once, as one stream', async () => {
    script = script2;
    const stream = await client.chat.completions.create({
      ...request,
      stream: true,
      stream_options: { include_usage: true },
    });
    const ids = new Set<string>();
    const ends: string[] = [];
    const totals: number[] = [];
    let text = '';
    for await (const { id, choices, usage: used } of stream) {
      ids.add(id);
      if (used) totals.push(used.total_tokens);
      for (const { delta, finish_reason } of choices) {
        assert.equal(delta.tool_calls, undefined);
        text += delta.content ?? '';
        if (finish_reason) ends.push(finish_reason);
      }
    }
    assert.equal(text, 'Let me see. It is 5.');
    assert.deepEqual([[...ids], ends, totals], [['up-1'], ['stop'], [30]]);
  });

  for (const stream of [false, true])
    test(`hands back what the client is to call, and calls nothing beside (stream: ${stream})`, async () => {
      script = (n) => (n === 1 ? { calls: [add] } : { calls: [['ask_user', { q: 'why' }], add] });
      const asks = { ...request, tools: [own] };
      const answer = stream
        ? await client.chat.completions.stream(asks).finalChatCompletion()
        : await client.chat.completions.create(asks);
      const [choice] = answer.choices;
      assert.equal(choice!.finish_reason, 'tool_calls');
      const calls = choice!.message.tool_calls!.map((call) => 'function' in call && [call.id, call.function]);
      assert.deepEqual(JSON.parse(JSON.stringify(calls)), [
        ['call_2_0', { ...(calls[0] as [string, object])[1], name: 'ask_user', arguments: '{"q":"why"}' }],
      ]);
      assert.deepEqual(called, ['add']);
    });

  test('tells the model what failed', async () => {
    script = (n) =>
      n === 1
        ? {
            calls: [
              ['crm__fail', {}],
              ['crm__secret', {}],
            ],
          }
        : { text: 'Sorry.' };
    const answer = await client.chat.completions.create(request);
    // `secret` is no tool of the gateway's for this caller, and so the client's to answer.
    assert.equal(answer.choices[0]!.message.tool_calls?.length, 1);
    assert.deepEqual(called, []);
    asked = [];
    script = (n) => (n === 1 ? { calls: [['crm__fail', {}]] } : { text: 'Sorry.' });
    assert.equal((await client.chat.completions.create(request)).choices[0]!.message.content, 'Sorry.');
    assert.match(String(asked[1]!.messages[2]!.content), /no such row/);
  });

  test('ends loops: of steps, of calls, and of what is asked over and over', async () => {
    script = (n) => ({
      text: `${n}. `,
      calls: [
        ['crm__add', { a: n, b: 0 }],
        ['crm__add', { a: n, b: 1 }],
      ],
    });
    const few = clientAt('/few/v1');
    const answer = await few.chat.completions.create(request);
    // The second step's calls are beyond the bound, so the third must be the answer.
    assert.equal(answer.choices[0]!.message.content, '1. 2. 3. ');
    assert.equal(answer.choices[0]!.finish_reason, 'stop');
    assert.deepEqual([asked.length, called.length, asked[2]!.tool_choice], [3, 2, 'none']);
    [asked, called] = [[], []];
    script = () => ({ calls: [add] });
    await client.chat.completions.create(request);
    assert.deepEqual([asked.length, called.length, asked.at(-1)!.tool_choice], [4, 2, 'none']);
  });

  test('is one request to limits, and as many tokens as all its steps took', async () => {
    script = (n) => (n === 1 ? { calls: [add] } : { text: '5' });
    usage = { prompt_tokens: 1000, completion_tokens: 500, total_tokens: 1500 };
    const counted = clientAt('/counted/v1');
    const asks = { ...request, max_tokens: 500 };
    const { response } = await counted.chat.completions.create(asks).withResponse();
    await receiptOf(gateway, response.headers.get('x-sluice-exchange')!);
    assert.equal(asked.length, 2);
    assert.equal(response.headers.get('x-ratelimit-remaining-requests'), '1');
    // 200 are left; had one step alone counted, 1,700 would be, which is enough.
    const headers = { 'mcp-context': null };
    await assert.rejects(counted.chat.completions.create(asks, { headers }), { status: 429 });
    assert.equal(asked.length, 2);
  });

  test('runs over a provider of another dialect', async () => {
    script = script2;
    const answer = await client.chat.completions.create({ ...request, model: 'claude-test' });
    assert.equal(answer.choices[0]!.message.content, 'Let me see. It is 5.');
    assert.match(JSON.stringify(asked[1]!.messages), /"tool_use_id":"call_1_0"/);
  });

  test('refuses servers that are not granted, and names that are taken', async () => {
    script = script2;
    const headers = { 'mcp-context': 'crm, mail' };
    await assert.rejects(
      client.chat.completions.create(request, { headers }),
      (error: { status: number }) => {
        assert.equal(error.status, 403);
        assert.match(String(error), /"mail" is not granted/);
        return true;
      },
    );
    const tools = [{ ...own, function: { ...own.function, name: 'crm__add' } }];
    await assert.rejects(client.chat.completions.create({ ...request, tools }), /gateway's own/);
    await assert.rejects(clientAt('/hard/v1').chat.completions.create(request), { status: 501 });
    assert.equal(asked.length, 0);
  });

  test('tells of a fault in a later step in the stream that has begun', async () => {
    script = (n) => (n === 1 ? { text: 'Let me see. ', calls: [add] } : null);
    const stream = await client.chat.completions.create({ ...request, stream: true });
    let text = '';
    await assert.rejects(async () => {
      for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';
    }, /not today/);
    assert.equal(text, 'Let me see. ');
  });

  test('a client that hangs up ends the call of the tool, and the model is not called again', async () => {
    script = () => ({ text: 'One moment. ', calls: [['crm__wait', {}]] });
    const { data: stream, response } = await client.chat.completions
      .create({ ...request, stream: true })
      .withResponse();
    const { gone } = await waiting.promise;
    stream.controller.abort();
    await gone;
    const receipt = await receiptOf(gateway, response.headers.get('x-sluice-exchange')!);
    assert.equal(receipt.outcome, 'client_gone');
    assert.equal(asked.length, 1);
  });
});
