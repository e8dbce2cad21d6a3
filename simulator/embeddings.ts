import { createHash } from 'node:crypto';
import { BadRequest, isObject, requireArray, requireInteger, requireString, requireText } from './shape.ts';
import type { Json } from './shape.ts';
import { bearerOf, tokensOf } from './work.ts';
import type { WorkDone, WorkVendor } from './work.ts';

/** Floats that 32 bits hold exactly, the same for the same text. */
export function vectorOf(text: string, dimensions = 8): number[] {
  const bytes = createHash('sha256').update(text).digest();
  return Array.from({ length: dimensions }, (_, i) => (bytes[i % bytes.length]! - 128) / 128);
}

function base64Of(vector: readonly number[]): string {
  return Buffer.from(new Float32Array(vector).buffer).toString('base64');
}

const sizeOf = (value: unknown, where: string): number | undefined =>
  value === undefined || value === null ? undefined : requireInteger(value, where, [1, 4096]);

const openaiError = (status: number, message: string): Json => ({
  error: { message, type: status === 429 ? 'requests' : 'invalid_request_error', param: null, code: null },
});

export const openaiEmbeddings: WorkVendor = {
  name: 'openai-embeddings',
  // The same is spoken by others.
  answers: (path) => path === '/v1/embeddings' || path === '/mistral/v1/embeddings',
  keyOf: bearerOf,
  renderError: openaiError,
  work(body) {
    const model = requireText(body.model, 'model');
    const inputs = openaiInputs(body.input);
    const dimensions = sizeOf(body.dimensions, 'dimensions');
    const encode = body.encoding_format === 'base64' ? base64Of : (vector: number[]) => vector;
    const texts = inputs.map((input) => (typeof input === 'string' ? input : input.join(' ')));
    const promptTokens = tokensOf(texts);
    const usage = { prompt_tokens: promptTokens, total_tokens: promptTokens };
    const data = texts.map((text, index) => ({
      object: 'embedding',
      index,
      embedding: encode(vectorOf(text, dimensions)),
    }));
    return { model, body: { object: 'list', data, model, usage }, usage, promptTokens };
  },
};

function openaiInputs(input: unknown): (string | number[])[] {
  if (typeof input === 'string') return [input];
  const list = requireArray(input, 'input');
  if (list.length === 0) throw new BadRequest('input', "'input' must not be empty");
  if (list.every((item) => typeof item === 'number')) return [list];
  return list.map((item, i) =>
    Array.isArray(item) ? (item as number[]) : requireString(item, `input[${i}]`),
  );
}

const COHERE_TYPES = ['search_document', 'search_query', 'classification', 'clustering', 'image'];

export const cohereEmbed: WorkVendor = {
  name: 'cohere-embed',
  answers: (path) => path === '/v2/embed',
  keyOf: bearerOf,
  renderError: (_status, message) => ({ id: 'sim', message }),
  work(body) {
    const model = requireText(body.model, 'model');
    if (!COHERE_TYPES.includes(String(body.input_type)))
      throw new BadRequest('input_type', 'invalid request: input_type is required for this model');
    const texts = requireArray(body.texts, 'texts').map((text, i) => requireString(text, `texts[${i}]`));
    if (texts.length > 96) throw new BadRequest('texts', 'invalid request: at most 96 texts');
    const types =
      body.embedding_types === undefined ? ['float'] : requireArray(body.embedding_types, 'embedding_types');
    const vectors = texts.map((text) => vectorOf(text, sizeOf(body.output_dimension, 'output_dimension')));
    const forms: Record<string, (vector: number[]) => unknown> = {
      float: (vector) => vector,
      base64: base64Of,
      int8: (vector) => vector.map((value) => Math.round(value * 127)),
    };
    const promptTokens = tokensOf(texts);
    const billed = { input_tokens: promptTokens };
    return {
      model,
      body: {
        id: 'embed-sim',
        embeddings: Object.fromEntries(types.map((type) => [type, vectors.map(forms[String(type)]!)])),
        texts,
        meta: { api_version: { version: '2' }, billed_units: billed },
        response_type: 'embeddings_by_type',
      },
      usage: billed,
      promptTokens,
    };
  },
};

const GEMINI = /^\/v1(?:beta)?\/models\/([^:]+):(embedContent|batchEmbedContents)$/;

export const geminiEmbed: WorkVendor = {
  name: 'gemini-embed',
  answers: (path) => GEMINI.test(path),
  keyOf: ({ headers }, url) =>
    (headers['x-goog-api-key'] as string | undefined) ?? url.searchParams.get('key') ?? undefined,
  renderError: (status, message) => ({
    error: { code: status, message, status: status === 429 ? 'RESOURCE_EXHAUSTED' : 'INVALID_ARGUMENT' },
  }),
  work(body, path) {
    const [, model = '', method] = GEMINI.exec(path)!;
    const isBatch = method === 'batchEmbedContents';
    const calls = isBatch ? requireArray(body.requests, 'requests') : [body];
    const texts = calls.map((call, i) => {
      if (!isObject(call)) throw new BadRequest('requests', `requests[${i}] is no object`);
      if (isBatch && call.model !== `models/${model}`)
        throw new BadRequest('requests', 'model in batch request must match the model in the path');
      const content = isObject(call.content) ? call.content : {};
      const parts = requireArray(content.parts, 'content.parts');
      return parts.map((part) => (isObject(part) ? requireString(part.text, 'text') : '')).join('\n');
    });
    const dimensions = sizeOf((calls[0] as Json).outputDimensionality, 'outputDimensionality');
    const embeddings = texts.map((text) => ({ values: vectorOf(text, dimensions) }));
    const promptTokens = tokensOf(texts);
    const usage = { promptTokenCount: promptTokens };
    const answer: Json = isBatch ? { embeddings } : { embedding: embeddings[0] };
    return { model, body: { ...answer, usageMetadata: usage }, usage, promptTokens };
  },
};

export const ollamaEmbed: WorkVendor = {
  name: 'ollama-embed',
  answers: (path) => path === '/api/embed' || path === '/api/embeddings',
  // A server of one's own asks for no key.
  keyOf: () => 'none',
  renderError: (_status, message) => ({ error: message }),
  work(body, path): WorkDone {
    const model = requireText(body.model, 'model');
    if (path === '/api/embeddings') {
      const text = requireString(body.prompt, 'prompt');
      return { model, body: { embedding: vectorOf(text) }, usage: null, promptTokens: tokensOf([text]) };
    }
    const texts =
      typeof body.input === 'string'
        ? [body.input]
        : requireArray(body.input, 'input').map((text, i) => requireString(text, `input[${i}]`));
    const embeddings = texts.map((text) => vectorOf(text, sizeOf(body.dimensions, 'dimensions')));
    const promptTokens = tokensOf(texts);
    const usage = { prompt_eval_count: promptTokens };
    return {
      model,
      body: { model, embeddings, total_duration: 1, load_duration: 1, ...usage },
      usage,
      promptTokens,
    };
  },
};
