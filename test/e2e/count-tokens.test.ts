import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import Anthropic from '../clients/node_modules/@anthropic-ai/sdk/index.mjs';
import OpenAI from '../clients/node_modules/openai/index.mjs';
import { everyDialect } from '../harness/every-dialect.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { GoogleGenAI } from '../harness/google-genai.ts';
import { receiptOf } from '../harness/receipts.ts';

let gateway: TestGateway;
/** Of the last answer. */
let last = new Headers();
before(async () => void (gateway = await startTestGateway(await everyDialect())));
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

const text = 'How many words are there in this sentence, and how many tokens?';
const tools = [
  {
    name: 'get_weather',
    description: 'Of a city',
    input_schema: { type: 'object' as const, properties: {} },
  },
];

/** What it counts by, whether the provider did, and what it cost. */
async function free(calls: number): Promise<void> {
  const receipt = await receiptOf(gateway, last.get('x-sluice-exchange')!);
  assert.equal(receipt.outcome, 'completed');
  assert.equal(receipt.attempts.length, calls);
  for (const { lines, units } of receipt.attempts) assert.deepEqual([lines, units ?? []], [[], []]);
}

const providers = {
  a: '/v1/messages/count_tokens',
  g: '/v1beta/models/sim:countTokens',
  r: '/v1/responses/input_tokens',
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
  });
}

describe('providers that do not', () => {
  for (const provider of ['o', 'c', 'l', 'b', 'm']) {
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

  test('one that turns out to have no count is asked once', async () => {
    gateway.simulator.enqueue({ status: 404 });
    const call = { model: 'r/other', input: text };
    const first = await openai().responses.inputTokens.count(call);
    assert.equal(last.get('x-sluice-counted'), 'gateway');
    await free(1);
    const before = gateway.simulator.calls().length;
    const second = await openai().responses.inputTokens.count(call);
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

  test('an error of the provider is one', async () => {
    gateway.simulator.enqueue({ status: 429, retryAfter: 5 });
    await assert.rejects(
      anthropic().messages.countTokens({ model: 'g/sim', messages: [{ role: 'user', content: 'x' }] }),
      Anthropic.RateLimitError,
    );
  });
});
