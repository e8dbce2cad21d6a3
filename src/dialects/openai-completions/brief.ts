import type { CallBrief, JsonObject } from '#core/call.ts';
import { isObject, optional, readBoolean, readCount, readString } from '#core/read-json.ts';

/** Keys of a body that the gateway acts upon. */
export const interpretedKeys = ['model', 'stream', 'stream_options', 'max_tokens', 'n', 'prompt'];

/** https://platform.openai.com/docs/api-reference/completions/create */
export function readBrief(body: JsonObject): CallBrief {
  const options = body['stream_options'];
  return {
    model: readString(body['model'], 'model'),
    stream: optional(body['stream'], 'stream', readBoolean) ?? false,
    maxOutputTokens: optional(body['max_tokens'], 'max_tokens', readCount),
    choices: promptsIn(body['prompt']) * Math.max(1, optional(body['n'], 'n', readCount) ?? 1),
    wantsUsage: isObject(options) && options['include_usage'] === true,
  };
}

/** Each of several prompts has answers of its own; a list of numbers is one prompt, in tokens. */
function promptsIn(prompt: unknown): number {
  return Array.isArray(prompt) && typeof prompt[0] !== 'number' ? Math.max(1, prompt.length) : 1;
}
