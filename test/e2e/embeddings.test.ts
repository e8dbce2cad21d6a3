import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CohereClientV2 } from '../clients/node_modules/cohere-ai/index.js';
import { Ollama } from '../clients/node_modules/ollama/dist/index.mjs';
import OpenAI from '../clients/node_modules/openai/index.mjs';
import { vectorOf } from '../../simulator/embeddings.ts';
import { everyDialect } from '../harness/every-dialect.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { GoogleGenAI } from '../harness/google-genai.ts';
import { countsOf, receiptOf } from '../harness/receipts.ts';

let gateway: TestGateway;
/** Of the last answer. */
let exchange = '';
let dropped: string | null = null;
before(async () => void (gateway = await startTestGateway(await everyDialect())));
after(async () => {
  await gateway.stop();
  await gateway.simulator.close();
});

async function noted(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const answer = await fetch(input, init);
  exchange = answer.headers.get('x-sluice-exchange') ?? '';
  dropped = answer.headers.get('x-sluice-dropped');
  return answer;
}

const openai = (apiKey = testKey) =>
  new OpenAI({ apiKey, baseURL: `${gateway.url}/v1`, maxRetries: 0, fetch: noted });
const cohere = () =>
  new CohereClientV2({ token: testKey, environment: gateway.url, maxRetries: 0, fetch: noted });
const ollama = () =>
  new Ollama({ host: gateway.url, fetch: noted, headers: { authorization: `Bearer ${testKey}` } });
const gemini = () => new GoogleGenAI({ apiKey: testKey, httpOptions: { baseUrl: gateway.url } });

const texts = ['a river', 'the sea and its shore'];
const vectors = texts.map((text) => vectorOf(text));
const small = texts.map((text) => vectorOf(text, 4));

for (const model of ['o/embed-sim', 'c/embed-sim', 'l/embed-sim', 'g/embed-sim', 'm/embed-sim']) {
  describe(`embeddings of ${model}`, () => {
    const priced = async (input: number) => {
      const receipt = await receiptOf(gateway, exchange);
      assert.equal(receipt.outcome, 'completed');
      assert.deepEqual(countsOf(receipt.attempts.at(-1)!), { input });
    };

    test('openai SDK, which asks for base64 by itself', async () => {
      const { data, usage, model: named } = await openai().embeddings.create({ model, input: texts });
      assert.deepEqual(
        data.map(({ embedding }) => embedding),
        vectors,
      );
      assert.ok(model.endsWith(named));
      assert.equal(usage.prompt_tokens, 7);
      await priced(7);
    });

    test('openai SDK, floats of so many dimensions', async () => {
      const { data } = await openai().embeddings.create({
        model,
        input: texts,
        dimensions: 4,
        encoding_format: 'float',
      });
      assert.deepEqual(
        data.map(({ embedding }) => embedding),
        small,
      );
      assert.equal(dropped, null);
    });

    test('cohere SDK', async () => {
      const { embeddings, meta } = await cohere().embed({
        model,
        texts,
        inputType: 'search_query',
        embeddingTypes: ['float'],
      });
      assert.deepEqual(embeddings.float, vectors);
      assert.equal(meta?.billedUnits?.inputTokens, 7);
      // Who has no word for what the vectors are for says so.
      assert.equal(dropped, /^[cg]\//.test(model) ? null : 'input_type');
    });

    test('ollama SDK, and its older form', async () => {
      const { embeddings, prompt_eval_count: count } = await ollama().embed({ model, input: texts });
      assert.deepEqual(embeddings, vectors);
      assert.equal(count, 7);
      const { embedding } = await ollama().embeddings({ model, prompt: texts[0]! });
      assert.deepEqual(embedding, vectors[0]);
    });

    test('Google SDK', async () => {
      const { embeddings } = await gemini().models.embedContent({
        model,
        contents: texts,
        config: { outputDimensionality: 4 },
      });
      assert.deepEqual(
        embeddings?.map(({ values }) => values),
        small,
      );
    });
  });
}

test('Gemini, one at a time', async () => {
  for (const model of ['g/embed-sim', 'o/embed-sim']) {
    const answer = await fetch(`${gateway.url}/v1beta/models/${model}:embedContent`, {
      method: 'POST',
      headers: { 'x-goog-api-key': testKey },
      body: JSON.stringify({ content: { parts: [{ text: texts[0] }] }, taskType: 'RETRIEVAL_QUERY' }),
    });
    assert.equal(answer.status, 200, await answer.clone().text());
    const { embedding } = (await answer.json()) as { embedding: { values: number[] } };
    assert.deepEqual(embedding.values, vectors[0]);
  }
});

describe('what another dialect cannot do', () => {
  test('tokens go to who takes them, and are refused by name elsewhere', async () => {
    const tokens = [
      [1, 2, 3],
      [4, 5],
    ];
    for (const model of ['o/embed-sim', 'm/embed-sim']) {
      const { data } = await openai().embeddings.create({ model, input: tokens });
      assert.equal(data.length, 2);
    }
    await assert.rejects(openai().embeddings.create({ model: 'c/embed-sim', input: tokens }), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.match(error.message, /input: the target takes texts, not tokens/);
      return true;
    });
  });

  test('vectors of a kind that only one vendor makes', async () => {
    const wish = { texts, inputType: 'search_document', embeddingTypes: ['int8'] } as const;
    const { embeddings } = await cohere().embed({ ...wish, embeddingTypes: ['int8'], model: 'c/embed-sim' });
    assert.equal(embeddings.int8?.length, 2);
    await assert.rejects(
      cohere().embed({ ...wish, embeddingTypes: ['int8'], model: 'o/embed-sim' }),
      /embedding_types/,
    );
  });

  test('a provider without such work', async () => {
    await assert.rejects(openai().embeddings.create({ model: 'a/claude-sim', input: 'x' }), (error) => {
      assert.ok(error instanceof OpenAI.APIError);
      assert.equal(error.status, 501);
      assert.match(error.message, /a is not known to do embeddings/);
      return true;
    });
  });

  test('strict: what would be left out is refused', async () => {
    const answer = await fetch(`${gateway.url}/v2/embed`, {
      method: 'POST',
      headers: { authorization: `Bearer ${testKey}`, 'x-sluice-strict': 'true' },
      body: JSON.stringify({ model: 'o/embed-sim', texts, input_type: 'search_query' }),
    });
    assert.equal(answer.status, 400);
    assert.match(await answer.text(), /input_type/);
  });
});

describe('errors', () => {
  test('are of the client library', async () => {
    await assert.rejects(
      openai('sk-wrong').embeddings.create({ model: 'o/e', input: 'x' }),
      OpenAI.AuthenticationError,
    );
    gateway.simulator.enqueue({ status: 429, retryAfter: 7 });
    await assert.rejects(openai().embeddings.create({ model: 'c/e', input: 'x' }), (error) => {
      assert.ok(error instanceof OpenAI.RateLimitError);
      assert.equal(error.headers?.get('retry-after'), '7');
      return true;
    });
    await assert.rejects(openai().embeddings.create({ model: 'o/e', input: [] }), OpenAI.BadRequestError);
    await assert.rejects(
      openai().embeddings.create({ model: 'c/e', input: {} as string }),
      /input: expected a string, or a list of strings or tokens, got an object/,
    );
  });
});

test('within a dialect all passes as it is', async () => {
  const body = `{ "model":"o/e","input" : "x", "later":{"a":1}, "encoding_format":"float" }`;
  const answer = await fetch(`${gateway.url}/v1/embeddings`, {
    method: 'POST',
    headers: { authorization: `Bearer ${testKey}`, 'x-simulate': '{"unknownFields":true}' },
    body,
  });
  assert.equal(answer.status, 200);
  const call = gateway.simulator.calls().at(-1)!;
  assert.deepEqual(call.body, { model: 'e', input: 'x', later: { a: 1 }, encoding_format: 'float' });
});
