import { readBedrockRequest } from './bedrock-request.ts';
import { bedrock } from './bedrock.ts';
import { readGeminiRequest } from './gemini-request.ts';
import { readResponsesRequest } from './responses-request.ts';
import { BadRequest, isObject, requireText } from './shape.ts';
import type { Json } from './shape.ts';
import { countPromptTokens } from './understood.ts';
import { bearerOf } from './work.ts';
import type { WorkVendor } from './work.ts';

const GEMINI = /^\/v1(?:beta)?\/models\/([^:]+):countTokens$/;

/** The contents alone, or a whole request that names the model once more. */
export const geminiCount: WorkVendor = {
  name: 'gemini-count',
  answers: (path) => GEMINI.test(path),
  keyOf: ({ headers }, url) =>
    (headers['x-goog-api-key'] as string | undefined) ?? url.searchParams.get('key') ?? undefined,
  renderError: (status, message) => ({ error: { code: status, message, status: 'INVALID_ARGUMENT' } }),
  work(body, path) {
    const model = GEMINI.exec(path)![1]!;
    const { generateContentRequest: whole, ...own } = body;
    if (isObject(whole) && whole.model !== `models/${model}`)
      throw new BadRequest('', 'generate_content_request.model must be the model of the path');
    const { model: _, ...request } = isObject(whole) ? whole : own;
    const tokens = countPromptTokens(
      readGeminiRequest(request, { anySignature: true }, { model, stream: false }),
    );
    return { model, body: { totalTokens: tokens }, usage: null, promptTokens: tokens };
  },
};

const REFUSED = [
  'max_output_tokens',
  'temperature',
  'top_p',
  'stream',
  'store',
  'include',
  'metadata',
  'user',
];

export const responsesCount: WorkVendor = {
  name: 'openai-count',
  answers: (path) => path === '/v1/responses/input_tokens',
  keyOf: bearerOf,
  renderError: (_status, message) => ({
    error: { message, type: 'invalid_request_error', param: null, code: null },
  }),
  work(body: Json) {
    const model = requireText(body.model, 'model');
    for (const key of REFUSED) if (key in body) throw new BadRequest(key, `Unknown parameter: '${key}'.`);
    const tokens = countPromptTokens(readResponsesRequest(body, { anySignature: true }));
    const answer = { object: 'response.input_tokens', input_tokens: tokens };
    return { model, body: answer, usage: null, promptTokens: tokens };
  },
};

const BEDROCK = /^\/model\/(.+)\/count-tokens$/;
const CONVERSE = new Set(['messages', 'system', 'toolConfig', 'additionalModelRequestFields']);

/** Knows models by their own names, and not by those of profiles over regions. */
export const bedrockCount: WorkVendor = {
  name: 'bedrock-count',
  answers: (path) => BEDROCK.test(path),
  keyOf: (request, url) => bedrock.keyOf!(request, url),
  renderError: (_status, message) => ({ message }),
  work(body, path) {
    const model = decodeURIComponent(BEDROCK.exec(path)![1]!);
    if (/^(?:us|eu|apac|global)\./.test(model))
      throw new BadRequest('', "The provided model doesn't support counting tokens.");
    const call = isObject(body.input) ? body.input.converse : undefined;
    if (!isObject(call)) throw new BadRequest('input', 'input must have one member');
    for (const key of Object.keys(call))
      if (!CONVERSE.has(key)) throw new BadRequest(key, `${key}: extraneous key`);
    const tokens = countPromptTokens(
      readBedrockRequest(call, { anySignature: true }, { model, stream: false }),
    );
    return { model, body: { inputTokens: tokens }, usage: null, promptTokens: tokens };
  },
};
