import {
  BadRequest,
  ifPresent,
  listWords,
  requireArray,
  requireBoolean,
  requireInteger,
  requireNumber,
  requireObject,
  requireString,
  requireText,
} from './shape.ts';
import type { Json } from './shape.ts';
import type { Script } from './script.ts';
import type { Understood } from './understood.ts';

const SAMPLING = listWords('temperature top_p presence_penalty frequency_penalty seed logit_bias logprobs');
const KNOWN = new Set([
  ...SAMPLING,
  ...listWords('model prompt max_tokens n stop stream stream_options echo suffix best_of user'),
]);

/**
 * Reads a completions request as the vendor does: it refuses every word that it does not know.
 * @throws BadRequest
 */
export function readCompletionsRequest(body: Json, _script: Script): Understood {
  for (const key of Object.keys(body))
    if (!KNOWN.has(key)) throw new BadRequest(key, `Unrecognized request argument supplied: ${key}`);
  const prompts = readPrompts(body.prompt);
  const n = ifPresent(body.n, (value) => requireInteger(value, 'n', [1, 128])) ?? 1;
  const bestOf = ifPresent(body.best_of, (value) => requireInteger(value, 'best_of', [1, 20])) ?? n;
  if (bestOf < n) throw new BadRequest('best_of', 'best_of must be greater than n');
  const stream = ifPresent(body.stream, (value) => requireBoolean(value, 'stream')) ?? false;
  const options = ifPresent(body.stream_options, (value) => requireObject(value, 'stream_options'));
  if (options && !stream)
    throw new BadRequest('stream_options', "'stream_options' is only allowed with 'stream'.");
  ifPresent(body.temperature, (value) => requireNumber(value, 'temperature', [0, 2]));
  ifPresent(body.top_p, (value) => requireNumber(value, 'top_p', [0, 1]));
  ifPresent(body.logprobs, (value) => requireInteger(value, 'logprobs', [0, 5]));
  const stop = typeof body.stop === 'string' ? [body.stop] : requireArray(body.stop ?? [], 'stop');
  if (stop.length > 4) throw new BadRequest('stop', 'stop: array too long. Expected at most 4');
  return {
    vendor: 'completions',
    model: requireText(body.model, 'model'),
    stream,
    system: [],
    turns: prompts.map((text) => ({ role: 'user', parts: [{ type: 'text', text }] })),
    images: 0,
    tools: [],
    toolChoice: null,
    parallelTools: null,
    responseFormat: null,
    stop: stop.map((word, index) => requireText(word, `stop[${index}]`)),
    maxTokens: ifPresent(body.max_tokens, (value) => requireInteger(value, 'max_tokens', [0, 1e9])) ?? 16,
    choices: prompts.length * n,
    sampling: Object.fromEntries(SAMPLING.filter((key) => key in body).map((key) => [key, body[key]])),
    reasoning: null,
    user: body.user ?? null,
    cacheBreakpoints: 0,
    includeUsage: options?.include_usage === true,
    otherKeys: ['echo', 'suffix', 'best_of'].filter((key) => key in body),
  };
}

function readPrompts(value: unknown): string[] {
  if (!Array.isArray(value)) return [requireString(value ?? '', 'prompt')];
  if (value.length === 0) throw new BadRequest('prompt', "'prompt' must not be empty");
  if (typeof value[0] === 'number') return [value.map(String).join(' ')];
  return value.map((text, index) => requireString(text, `prompt[${index}]`));
}
