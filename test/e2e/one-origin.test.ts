/** All native paths of all dialects stand on one origin; where two share one, the head decides, and a prefix always does. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { everyDialect } from '../harness/every-dialect.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { receiptOf } from '../harness/receipts.ts';

let gateway: TestGateway;
before(async () => void (gateway = await startTestGateway(await everyDialect())));
after(async () => {
  await gateway.stop();
  await gateway.simulator.close();
});

const model = 'o/gpt-sim';
const turns = [{ role: 'user', content: 'hi' }];
const contents = [{ role: 'user', parts: [{ text: 'hi' }] }];
const blocks = [{ role: 'user', content: [{ text: 'hi' }] }];

/** Dialect, path, body. */
const calls: readonly (readonly [string, string, object])[] = [
  ['openai-chat', '/v1/chat/completions', { model, messages: turns }],
  [
    'openai-chat',
    `/openai/deployments/${encodeURIComponent(model)}/chat/completions?api-version=1`,
    { messages: turns },
  ],
  ['openai-chat', '/openai/v1/chat/completions', { model, messages: turns }],
  ['openai-responses', '/v1/responses', { model, input: 'hi', store: false }],
  ['openai-responses', '/openai/v1/responses', { model, input: 'hi', store: false }],
  ['openai-completions', '/v1/completions', { model, prompt: 'hi' }],
  ['anthropic-messages', '/v1/messages', { model, max_tokens: 9, messages: turns }],
  ['anthropic-messages', '/anthropic/v1/messages', { model, max_tokens: 9, messages: turns }],
  ['gemini-generate', `/v1beta/models/${model}:generateContent`, { contents }],
  ['gemini-generate', `/v1/models/${model}:generateContent`, { contents }],
  ['gemini-generate', `/v1/models/${model}:streamGenerateContent?alt=sse`, { contents }],
  ['gemini-generate', `/gemini/v1beta/models/${model}:generateContent`, { contents }],
  ['bedrock-converse', `/model/${encodeURIComponent(model)}/converse`, { messages: blocks }],
  ['bedrock-converse', `/model/${encodeURIComponent(model)}/converse-stream`, { messages: blocks }],
  ['bedrock-converse', `/bedrock/model/${encodeURIComponent(model)}/converse`, { messages: blocks }],
  ['cohere-chat', '/v2/chat', { model, messages: turns }],
  ['cohere-chat', '/cohere/v2/chat', { model, messages: turns }],
  ['ollama-chat', '/api/chat', { model, messages: turns, stream: false }],
  ['ollama-chat', '/ollama/api/chat', { model, messages: turns, stream: false }],
  ['openai-embeddings', '/v1/embeddings', { model, input: 'hi' }],
  ['cohere-embed', '/v2/embed', { model, texts: ['hi'], input_type: 'search_query' }],
  ['gemini-embed', `/v1beta/models/${model}:embedContent`, { content: contents[0] }],
  ['ollama-embed', '/api/embed', { model, input: 'hi' }],
  ['anthropic-count', '/v1/messages/count_tokens', { model, messages: turns }],
  ['gemini-count', `/v1beta/models/${model}:countTokens`, { contents }],
  ['openai-count', '/v1/responses/input_tokens', { model, input: 'hi' }],
  [
    'bedrock-count',
    `/model/${encodeURIComponent(model)}/count-tokens`,
    { input: { converse: { messages: blocks } } },
  ],
  [
    'bedrock-invoke',
    `/model/${encodeURIComponent(model)}/invoke`,
    { anthropic_version: 'bedrock-2023-05-31', max_tokens: 9, messages: turns },
  ],
  ['ollama-chat', '/api/generate', { model, prompt: 'hi', stream: false }],
  [
    'gemini-generate',
    `/v1beta1/projects/p/locations/l/publishers/o/models/gpt-sim:generateContent`,
    { contents },
  ],
  ['cohere-rerank', '/v2/rerank', { model: 'c/rerank-sim', query: 'hi', documents: ['a', 'b'] }],
  ['jina-rerank', '/v1/rerank', { model: 'c/rerank-sim', query: 'hi', documents: ['a', 'b'] }],
  ['openai-images', '/v1/images/generations', { model, prompt: 'hi' }],
  ['openai-speech', '/v1/audio/speech', { model, input: 'hi', voice: 'alloy' }],
  ['openai-moderations', '/v1/moderations', { model, input: 'hi' }],
];

for (const [dialect, path, body] of calls)
  test(`${path} is ${dialect}`, async () => {
    const answer = await fetch(gateway.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const said = await answer.text();
    assert.equal(answer.status, 200, said.slice(0, 300));
    const receipt = await receiptOf(gateway, answer.headers.get('x-sluice-exchange')!);
    assert.equal((receipt as { dialect?: string }).dialect, dialect);
  });

describe('lists of what is kept, at one path', () => {
  const list = async (path: string, headers: Record<string, string> = {}) => {
    const answer = await fetch(gateway.url + path, {
      headers: { authorization: `Bearer ${testKey}`, ...headers },
    });
    assert.equal(answer.status, 200);
    return Object.keys((await answer.json()) as object).sort();
  };
  const anthropic = { 'anthropic-version': '2023-06-01' };
  const gemini = { 'x-goog-api-key': testKey };
  const openaiList = ['data', 'first_id', 'has_more', 'last_id', 'object'];

  test('files', async () => {
    assert.deepEqual(await list('/v1/files'), openaiList);
    assert.deepEqual(await list('/openai/v1/files', anthropic), openaiList);
    const anthropicList = ['data', 'first_id', 'has_more', 'last_id', 'next_page'];
    assert.deepEqual(await list('/v1/files', anthropic), anthropicList);
    assert.deepEqual(await list('/anthropic/v1/files'), anthropicList);
    for (const path of ['/v1beta/files', '/gemini/v1/files']) assert.deepEqual(await list(path), ['files']);
    assert.deepEqual(await list('/v1/files', gemini), ['files']);
  });

  test('batches', async () => {
    assert.deepEqual(await list('/v1/batches'), openaiList);
    assert.deepEqual(await list('/v1/batches', gemini), ['operations']);
    assert.deepEqual(await list('/v1beta/batches'), ['operations']);
    const anthropicList = ['data', 'first_id', 'has_more', 'last_id'];
    assert.deepEqual(await list('/v1/messages/batches'), anthropicList);
    assert.deepEqual(await list('/anthropic/v1/messages/batches'), anthropicList);
  });
});

describe('lists of models, at one path', () => {
  const list = async (path: string, headers: Record<string, string> = {}) => {
    const answer = await fetch(gateway.url + path, {
      headers: { authorization: `Bearer ${testKey}`, ...headers },
    });
    assert.equal(answer.status, 200);
    return Object.keys((await answer.json()) as object).sort();
  };
  const shapes = {
    openai: ['data', 'object'],
    anthropic: ['data', 'first_id', 'has_more', 'last_id'],
    gemini: ['models'],
  };

  test('are told apart by the head', async () => {
    assert.deepEqual(await list('/v1/models'), shapes.openai);
    assert.deepEqual(await list('/v1/models', { 'anthropic-version': '2023-06-01' }), shapes.anthropic);
    assert.deepEqual(await list('/v1/models', { 'x-goog-api-key': testKey }), shapes.gemini);
    assert.deepEqual(await list('/v1beta/models'), shapes.gemini);
  });

  test('and by a prefix, whatever the head says', async () => {
    const head = { 'anthropic-version': '2023-06-01' };
    assert.deepEqual(await list('/openai/v1/models', head), shapes.openai);
    assert.deepEqual(await list('/anthropic/v1/models'), shapes.anthropic);
    assert.deepEqual(await list('/gemini/v1/models', head), shapes.gemini);
    assert.deepEqual(await list('/ollama/api/tags', head), ['models']);
    assert.deepEqual(await list('/bedrock/foundation-models', head), ['modelSummaries']);
  });
});
