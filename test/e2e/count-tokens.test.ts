import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import Anthropic from '../clients/node_modules/@anthropic-ai/sdk/index.mjs';
import OpenAI from '../clients/node_modules/openai/index.mjs';
import { everyDialect } from '../harness/every-dialect.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { BedrockRuntimeClient, CountTokensCommand } from '../harness/bedrock-runtime.ts';
import { GoogleGenAI } from '../harness/google-genai.ts';
import { receiptOf } from '../harness/receipts.ts';

const narrowKey = 'sk-narrow-0123456789abcdef';
let gateway: TestGateway;
/** Of the last answer. */
let last = new Headers();
before(async () => {
  const { simulator, config } = await everyDialect();
  const keys = {
    tester: { project: 'web', secret: testKey },
    narrow: { project: 'web', secret: narrowKey, models: ['a/sim'] },
  };
  gateway = await startTestGateway({ simulator: simulator!, config: { ...config, keys } });
});
after(async () => {
  await gateway.stop();
  await gateway.simulator.close();
});

async function noted(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const answer = await fetch(input, init);
  last = answer.headers;
  return answer;
}
const anthropic = (apiKey = testKey) =>
  new Anthropic({ apiKey, baseURL: gateway.url, maxRetries: 0, fetch: noted });
const openai = () =>
  new OpenAI({ apiKey: testKey, baseURL: `${gateway.url}/v1`, maxRetries: 0, fetch: noted });
const gemini = () =>
  new GoogleGenAI({ apiKey: testKey, httpOptions: { baseUrl: gateway.url, fetch: noted } as object });

const bedrock = () =>
  new BedrockRuntimeClient({
    region: 'us-east-1',
    endpoint: gateway.url,
    token: { token: testKey },
    authSchemePreference: ['httpBearerAuth'],
    maxAttempts: 1,
  });

const text = 'How many words are there in this sentence, and how many tokens?';
const tools = [
  {
    name: 'get_weather',
    description: 'Of a city',
    input_schema: { type: 'object' as const, properties: {} },
  },
];

/** What it counts by, whether the provider did, and what it cost. */
async function free(calls: number, of = gateway, outcome = 'completed'): Promise<void> {
  const receipt = await receiptOf(of, last.get('x-sluice-exchange')!);
  assert.equal(receipt.outcome, outcome);
  assert.equal(receipt.attempts.length, calls);
  for (const { lines, units } of receipt.attempts) assert.deepEqual([lines, units ?? []], [[], []]);
}

const providers = {
  a: '/v1/messages/count_tokens',
  g: '/v1beta/models/sim:countTokens',
  r: '/v1/responses/input_tokens',
  b: '/model/sim/count-tokens',
};

for (const [provider, path] of Object.entries(providers)) {
  describe(`a provider that counts: ${path}`, () => {
    const counted = async (tokens: number | undefined) => {
      const call = gateway.simulator.calls().at(-1)!;
      assert.equal(call.path, path);
      assert.equal(tokens, call.promptTokens);
      assert.ok(tokens! > 5);
      assert.equal(last.get('x-sluice-counted'), null);
      await free(1);
    };

    test('Anthropic SDK', async () => {
      const { input_tokens: tokens } = await anthropic().messages.countTokens({
        model: `${provider}/sim`,
        messages: [{ role: 'user', content: text }],
        system: 'Be brief.',
        tools,
      });
      await counted(tokens);
    });

    test('Google SDK', async () => {
      const { totalTokens } = await gemini().models.countTokens({ model: `${provider}/sim`, contents: text });
      await counted(totalTokens);
    });

    test('OpenAI SDK', async () => {
      const { input_tokens: tokens } = await openai().responses.inputTokens.count({
        model: `${provider}/sim`,
        input: text,
        instructions: 'Be brief.',
      });
      await counted(tokens);
    });

    test('AWS SDK', async () => {
      const client = bedrock();
      const converse = {
        messages: [{ role: 'user' as const, content: [{ text }] }],
        system: [{ text: 'Be brief.' }],
      };
      const command = new CountTokensCommand({ modelId: `${provider}/sim`, input: { converse } });
      const { inputTokens } = await client.send(command).finally(() => client.destroy());
      const call = gateway.simulator.calls().at(-1)!;
      assert.equal(call.path, path);
      assert.equal(inputTokens, call.promptTokens);
      assert.ok(inputTokens! > 5);
    });
  });
}

describe('Bedrock', () => {
  const count = (model: string, more: object = {}) =>
    anthropic().messages.countTokens({
      model: `b/${model}`,
      messages: [{ role: 'user', content: text }],
      ...more,
    });

  test('is asked about the model itself, not about its profile over regions', async () => {
    const { input_tokens: tokens } = await count('us.anthropic.claude-haiku-4-5-20251001-v1:0');
    const call = gateway.simulator.calls().at(-1)!;
    assert.equal(call.path, '/model/anthropic.claude-haiku-4-5-20251001-v1%3A0/count-tokens');
    assert.equal(tokens, call.promptTokens);
  });

  test('is asked once about a model of which it has no count', async () => {
    const errorMessage = "The provided model doesn't support counting tokens.";
    gateway.simulator.enqueue({ status: 400, errorMessage });
    const first = await count('meta.llama3-8b-instruct-v1:0');
    assert.equal(last.get('x-sluice-counted'), 'gateway');
    await free(1);
    assert.deepEqual(await count('meta.llama3-8b-instruct-v1:0'), first);
    await free(0);
    await count('sim');
    assert.equal(last.get('x-sluice-counted'), null);
  });

  test('of Claude more is taken than is counted, and something around each tool call', async () => {
    const errorMessage = "The provided model doesn't support counting tokens.";
    const words = 'the '.repeat(999) + 'the';
    const counted = async (model: string, messages: Anthropic.MessageParam[]) => {
      gateway.simulator.enqueue({ status: 400, errorMessage });
      const answer = await count(model, { messages });
      assert.equal(last.get('x-sluice-counted'), 'gateway');
      return answer.input_tokens;
    };
    const said = { role: 'user' as const, content: words };
    assert.equal(await counted('meta.llama4', [said]), 1000);
    assert.equal(await counted('anthropic.claude-opus-4-7', [said]), 1180);
    const called = await counted('meta.llama5', [
      said,
      { role: 'assistant', content: [{ type: 'tool_use', id: 'c', name: 'the', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c', content: 'the' }] },
    ]);
    // Their words and what is between them, and 12.
    assert.ok(called >= 1012 + 3 && called <= 1012 + 6, String(called));
  });

  test("other complaints are the caller's", async () => {
    gateway.simulator.enqueue({ status: 400, errorMessage: 'prompt is too long' });
    await assert.rejects(count('sim'), Anthropic.BadRequestError);
  });

  test('state that was marked on its way to the client goes back to its maker as it was, and to nobody else', async () => {
    const ask = (maker: string) => {
      const reasoningContent = { reasoningText: { text: 'hm', signature: `slc1:${maker}:proof` } };
      return fetch(`${gateway.url}/model/b%2Fsim/count-tokens`, {
        method: 'POST',
        headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          input: {
            converse: {
              messages: [
                { role: 'user', content: [{ text }] },
                { role: 'assistant', content: [{ reasoningContent }, { text: 'so' }] },
                { role: 'user', content: [{ text }] },
              ],
            },
          },
        }),
      });
    };
    for (const [maker, sent] of [
      ['b', [{ reasoningContent: { reasoningText: { text: 'hm', signature: 'proof' } } }, { text: 'so' }]],
      ['a', [{ text: 'so' }]],
    ] as const) {
      assert.equal((await ask(maker)).status, 200);
      const { input } = gateway.simulator.calls().at(-1)!.body as {
        input: { converse: { messages: { content: unknown }[] } };
      };
      assert.deepEqual(input.converse.messages[1]!.content, sent);
      assert.deepEqual(input.converse.messages[0]!.content, [{ text }]);
    }
  });

  test('a form that cannot be understood is refused', async () => {
    const answer = await fetch(`${gateway.url}/model/b%2Fsim/count-tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ input: { invokeModel: { body: 'e30=' } } }),
    });
    assert.equal(answer.status, 400);
    assert.match(await answer.text(), /input\.converse/);
  });
});

describe('providers that do not', () => {
  for (const provider of ['o', 'c', 'l', 'm']) {
    test(`${provider}: it is counted here, which is said`, async () => {
      const before = gateway.simulator.calls().length;
      const { input_tokens: tokens } = await anthropic().messages.countTokens({
        model: `${provider}/sim`,
        messages: [{ role: 'user', content: text }],
      });
      // By a tokenizer that is near, and not by bytes.
      assert.ok(tokens >= 12 && tokens <= 18, String(tokens));
      assert.equal(last.get('x-sluice-counted'), 'gateway');
      assert.equal(gateway.simulator.calls().length, before);
      const { totalTokens } = await gemini().models.countTokens({ model: `${provider}/sim`, contents: text });
      assert.equal(totalTokens, tokens);
    });
  }

  test('a model that the provider does not have is no reason to ask it for none of the others', async () => {
    gateway.simulator.enqueue({ status: 404, errorMessage: 'The model `gone` does not exist' });
    await assert.rejects(
      openai().responses.inputTokens.count({ model: 'r/gone', input: text }),
      OpenAI.NotFoundError,
    );
    const { input_tokens: tokens } = await openai().responses.inputTokens.count({
      model: 'r/sim',
      input: text,
    });
    assert.equal(tokens, gateway.simulator.calls().at(-1)!.promptTokens);
    assert.equal(last.get('x-sluice-counted'), null);
  });

  test('one that turns out to have no count is asked once, whatever the model', async () => {
    gateway.simulator.enqueue({ status: 404 });
    const call = { model: 'r/other', input: text };
    const first = await openai().responses.inputTokens.count(call);
    assert.equal(last.get('x-sluice-counted'), 'gateway');
    await free(1);
    const before = gateway.simulator.calls().length;
    const second = await openai().responses.inputTokens.count({ ...call, model: 'r/third' });
    assert.deepEqual(second, first);
    assert.equal(gateway.simulator.calls().length, before);
    await free(0);
  });
});

test('a whole request within, for Gemini; and the form that all dialects refuse', async () => {
  const headers = { 'x-goog-api-key': testKey };
  const request = {
    contents: [{ parts: [{ text }] }],
    systemInstruction: { parts: [{ text: 'Be brief.' }] },
  };
  for (const model of ['g/sim', 'a/sim']) {
    const answer = await fetch(`${gateway.url}/v1beta/models/${model}:countTokens`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ generateContentRequest: { model: `models/${model}`, ...request } }),
    });
    const { totalTokens } = (await answer.json()) as { totalTokens: number };
    assert.equal(totalTokens, gateway.simulator.calls().at(-1)!.promptTokens);
  }
});

describe('policies and errors', () => {
  test('a wrong key, a model that is not there, a body that is none', async () => {
    const messages = [{ role: 'user' as const, content: 'x' }];
    await assert.rejects(
      anthropic('sk-wrong').messages.countTokens({ model: 'a/sim', messages }),
      Anthropic.AuthenticationError,
    );
    await assert.rejects(
      anthropic().messages.countTokens({ model: 'nobody/sim', messages }),
      Anthropic.NotFoundError,
    );
    await assert.rejects(
      anthropic().messages.countTokens({ model: 'o/sim', messages: 'x' as never }),
      Anthropic.BadRequestError,
    );
  });

  test('what the key may use', async () => {
    const messages = [{ role: 'user' as const, content: text }];
    const { messages: narrow } = anthropic(narrowKey);
    const { input_tokens: tokens } = await narrow.countTokens({ model: 'a/sim', messages });
    assert.ok(tokens > 5);
    // Whether its provider counts or the gateway.
    for (const model of ['a/other', 'o/sim'])
      await assert.rejects(narrow.countTokens({ model, messages }), Anthropic.APIError);
    assert.equal(gateway.simulator.calls().at(-1)!.model, 'sim');
  });

  test('an error of the provider is one', async () => {
    gateway.simulator.enqueue({ status: 429, retryAfter: 5 });
    await assert.rejects(
      anthropic().messages.countTokens({ model: 'g/sim', messages: [{ role: 'user', content: 'x' }] }),
      Anthropic.RateLimitError,
    );
  });
});

describe('what a count takes of limits and budgets', () => {
  /** Answers with one body, whatever is asked. */
  let answer = '{"input_tokens":12}';
  const upstream = createServer((request, response) => {
    request.resume();
    request.on('end', () => response.setHeader('content-type', 'application/json').end(answer));
  });
  let limited: TestGateway;
  before(async () => {
    await new Promise<void>((listening) => upstream.listen(0, '127.0.0.1', listening));
    const baseUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    limited = await startTestGateway({
      config: {
        providers: { a: { kind: 'anthropic', baseUrl, apiKey: 'sk-upstream' } },
        prices: { 'a/*': { input: '2', output: '8', request: '1' } },
        policies: [{ 'key-auth': {} }, { 'rate-limit': { by: 'project', requests: '3/h', tokens: '10/h' } }],
      },
    });
  });
  after(async () => {
    await limited.stop();
    upstream.close();
  });

  test('a request, and no tokens; it costs nothing, whatever the provider answers', async () => {
    const client = new Anthropic({ apiKey: testKey, baseURL: limited.url, maxRetries: 0, fetch: noted });
    // More than all tokens of the hour.
    const messages = [{ role: 'user' as const, content: text.repeat(20) }];
    const count = () => client.messages.countTokens({ model: 'a/sim', messages });
    for (let i = 0; i < 2; i++) {
      assert.equal((await count()).input_tokens, 12);
      await free(1, limited);
    }
    answer = '{}';
    await assert.rejects(count(), Anthropic.InternalServerError);
    await free(1, limited, 'upstream_error');
    await assert.rejects(count(), Anthropic.RateLimitError);
  });
});
