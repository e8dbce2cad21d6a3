import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { standardConfig, startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { sendRaw } from '../harness/raw-socket.ts';
import { rawRequest, statusesIn } from '../harness/route-kinds.ts';

let gateway: TestGateway;
before(async () => {
  const routes = standardConfig('http://unused')['routes'] as object[];
  gateway = await startTestGateway({
    config: {
      routes: [
        {
          name: 'trusting',
          match: { path: '/own/**' },
          stripPrefix: '/own',
          to: { llm: { vendorIds: 'pass' } },
        },
        routes[0],
      ],
    },
  });
});
after(() => gateway.stop());

const user = (content: unknown) => [{ role: 'user', content }];
const calls: Record<string, readonly [string, object]> = {
  'a file of chat': [
    '/v1/chat/completions',
    { model: 'o/gpt-sim', messages: user([{ type: 'file', file: { file_id: 'file-of-another' } }]) },
  ],
  'audio of an earlier answer': [
    '/v1/chat/completions',
    { model: 'o/gpt-sim', messages: [{ role: 'assistant', audio: { id: 'audio_1' } }, ...user('go on')] },
  ],
  'an earlier response': [
    '/v1/chat/completions',
    { model: 'o/gpt-sim', messages: user('x'), previous_response_id: 'resp_1' },
  ],
  'a conversation': [
    '/v1/chat/completions',
    { model: 'o/gpt-sim', messages: user('x'), conversation: 'conv_1' },
  ],
  "a provider's cache, past the words of the dialect": [
    '/v1/chat/completions',
    {
      model: 'o/gpt-sim',
      messages: user('x'),
      extra_body: { google: { cached_content: 'cachedContents/1' } },
    },
  ],
  'a file in a part of another API': [
    '/v1/chat/completions',
    { model: 'o/gpt-sim', messages: user([{ type: 'input_image', file_id: 'file-1' }]) },
  ],
  'files that a hosted tool may search': [
    '/v1/chat/completions',
    {
      model: 'o/gpt-sim',
      messages: user('x'),
      tools: [{ type: 'file_search', vector_store_ids: ['vs_1'] }],
    },
  ],
  'a skill that somebody uploaded': [
    '/v1/messages',
    {
      model: 'a/claude-sim',
      max_tokens: 9,
      messages: user('x'),
      container: {
        skills: [
          { type: 'anthropic', skill_id: 'pptx' },
          { type: 'custom', skill_id: 'skill_1' },
        ],
      },
    },
  ],
  'a file of messages': [
    '/v1/messages',
    {
      model: 'a/claude-sim',
      max_tokens: 9,
      messages: user([{ type: 'document', source: { type: 'file', file_id: 'file_1' } }]),
    },
  ],
  'a file within the result of a tool': [
    '/v1/messages',
    {
      model: 'a/claude-sim',
      max_tokens: 9,
      messages: user([
        {
          type: 'tool_result',
          tool_use_id: 't',
          content: [{ type: 'image', source: { type: 'file', file_id: 'f' } }],
        },
      ]),
    },
  ],
  'a container': [
    '/v1/messages',
    { model: 'a/claude-sim', max_tokens: 9, messages: user('x'), container: 'c_1' },
  ],
  'a skill that was uploaded': [
    '/v1/messages',
    {
      model: 'a/claude-sim',
      max_tokens: 9,
      messages: user('x'),
      container: { skills: [{ type: 'custom', skill_id: 'skill_1', version: 'latest' }] },
    },
  ],
};

async function post(path: string, body: object | string) {
  const answer = await fetch(gateway.url + path, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: {
      authorization: `Bearer ${testKey}`,
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
    },
  });
  return { status: answer.status, text: await answer.text() };
}

describe('security 61: what the provider keeps is not reached by its name alone', () => {
  for (const [what, [path, body]] of Object.entries(calls)) {
    test(`${what} is a 404, and the provider is not asked`, async () => {
      const before = gateway.simulator.calls().length;
      const { status, text } = await post(path, body);
      assert.equal(status, 404, text);
      assert.match(text, /not known to be yours/);
      assert.equal(gateway.simulator.calls().length, before);
    });
  }

  const chat = (part: string) =>
    `{"model":"o/gpt-sim","messages":[{"role":"user","content":[${part},{"type":"text","text":"x"}]}]}`;
  const message = (part: string) =>
    chat(part).replace('o/gpt-sim', 'a/claude-sim').replace('{', '{"max_tokens":9,');
  const hidden: Record<string, readonly [string, string]> = {
    'behind a second file': [
      '/v1/chat/completions',
      chat('{"type":"file","file":{"file_id":"of-another"},"file":{"file_data":"data:,x"}}'),
    ],
    'behind a second content': [
      '/v1/chat/completions',
      chat('{"type":"text","text":"x"}').replace(
        '"content"',
        '"content":[{"type":"file","file":{"file_id":"of-another"}}],"content"',
      ),
    ],
    'behind a second audio': [
      '/v1/chat/completions',
      chat('{"type":"text","text":"x"}').replace(
        '[{',
        '[{"role":"assistant","audio":{"id":"of-another"},"audio":null},{',
      ),
    ],
    'in escapes': [
      '/v1/chat/completions',
      chat('{"type":"file","\\u0066ile":{"file\\u005fid":"of-another"}}'),
    ],
    'behind a second response id': [
      '/v1/chat/completions',
      '{"model":"o/gpt-sim","messages":[],"previous_response_id":"of-another","previous_response_id":null}',
    ],
    'behind a second source': [
      '/v1/messages',
      message(
        '{"type":"document","source":{"type":"file","file_id":"of-another"},"source":{"type":"text","media_type":"text/plain","data":"x"}}',
      ),
    ],
    'behind a second container': [
      '/v1/messages',
      message('{"type":"text","text":"x"}').replace('{', '{"container":"of-another","container":null,'),
    ],
    'behind a second id of a container': [
      '/v1/messages',
      message('{"type":"text","text":"x"}').replace('{', '{"container":{"id":"of-another","id":null},'),
    ],
  };
  for (const [what, [path, body]] of Object.entries(hidden)) {
    test(`security 61 and 62: an id ${what} is a 400, and the provider is not asked`, async () => {
      const before = gateway.simulator.calls().length;
      const { status, text } = await post(path, body);
      assert.equal(status, 400, text);
      assert.match(text, /twice|with escapes/);
      assert.equal(gateway.simulator.calls().length, before);
    });
  }

  test('a route may pass them', async () => {
    const before = gateway.simulator.calls().length;
    await post('/own/v1/chat/completions', {
      model: 'o/gpt-sim',
      messages: user('x'),
      previous_response_id: 'r',
    });
    assert.equal(gateway.simulator.calls().length, before + 1);
  });

  test("a tool's own argument of that name is no such id", async () => {
    const { status, text } = await post('/v1/messages', {
      model: 'a/claude-sim',
      max_tokens: 9,
      messages: [
        ...user('x'),
        {
          role: 'assistant',
          content: [{ type: 'tool_use', id: 't1', name: 'f', input: { file_id: 'mine' } }],
        },
        ...user([{ type: 'tool_result', tool_use_id: 't1', content: 'done' }]),
      ],
      tools: [{ name: 'f', input_schema: { type: 'object', properties: { file_id: { type: 'string' } } } }],
    });
    assert.equal(status, 200, text);
    const properties = { file_id: { type: 'string' }, container: { type: 'string' } };
    const chat = await post('/v1/chat/completions', {
      model: 'o/gpt-sim',
      messages: user('x'),
      tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object', properties } } }],
    });
    assert.equal(chat.status, 200, chat.text);
  });

  test('however deep a body hides one, looking for it ends', async () => {
    const deep = `${'{"a":'.repeat(50_000)}{"file_id":"f"}${'}'.repeat(50_000)}`;
    const text = `{"model":"o/gpt-sim","messages":[{"role":"user","content":"x"}],"extra_body":${deep}}`;
    const before = gateway.simulator.calls().length;
    const answer = await sendRaw(gateway.port, rawRequest('llm', { body: text }));
    assert.deepEqual(statusesIn(answer.text), ['404'], answer.text.slice(0, 300));
    assert.ok(answer.text.length < 2_000, 'it is not told where in so many words');
    assert.equal(gateway.simulator.calls().length, before);
  });

  test('a path of the vendor that is not offered, or names what nobody has made, is never forwarded', async () => {
    const before = gateway.simulator.calls().length;
    for (const path of [
      '/v1/files/file-1/content/more',
      '/v1/files/file-1',
      '/v1/files/file-1/content',
      '/v1/responses/resp_1/cancel',
      '/v1/responses/resp_1/other',
      '/openai/v1/files/file-1',
      '/openai/responses/resp_1',
      '/v1/files/%2e%2e%2fmodels',
      '/v1/responses/..%2f..%2fv1%2fmodels',
      '/v1/batches/batch_1',
      '/v1/batches/batch_1/other',
      '/v1/uploads',
      '/v1/responses/resp_1/input_items',
      '/v1/responses/resp_1',
      '/v1/conversations/conv_1/items',
      '/v1/containers/c_1/files',
      '/v1/vector_stores',
      '/v1/messages/batches/msgbatch_1',
      '/v1/chat/completions/chatcmpl-1',
      '/v1/organizations',
      '/v1/skills',
    ])
      for (const method of ['GET', 'POST', 'DELETE']) {
        const body = method === 'GET' ? '' : '{}';
        const { text } = await sendRaw(gateway.port, rawRequest('llm', { method, target: path, body }));
        // An encoded slash where no operation takes one is a 400.
        assert.deepEqual(
          statusesIn(text),
          [path.includes('%2f') && text.includes('slash') ? '400' : '404'],
          `${method} ${path}`,
        );
      }
    assert.equal(gateway.simulator.calls().length, before);
  });
});
