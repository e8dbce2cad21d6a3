import type { CallBrief, JsonObject } from '#core/call.ts';
import { optional, readBoolean, readNumber, readObject, readString } from '#core/read-json.ts';

/** Keys of a body that the gateway acts upon. */
export const interpretedKeys = [
  'model',
  'stream',
  'messages',
  'prompt',
  'system',
  'tools',
  'options',
  'format',
  'think',
];

/** Streams unless it is told not to. https://docs.ollama.com/api/chat */
export function readBrief(body: JsonObject): CallBrief {
  return {
    model: readString(body['model'], 'model'),
    stream: optional(body['stream'], 'stream', readBoolean) ?? true,
    maxOutputTokens: readCap(body),
    choices: 1,
    // Usage is a part of every last line here.
    wantsUsage: true,
  };
}

/** Below 0 stands for no cap. */
function readCap(body: JsonObject): number | null {
  const options = optional(body['options'], 'options', readObject) ?? {};
  const cap = optional(options['num_predict'], 'options.num_predict', readNumber);
  return cap === null || cap < 0 ? null : Math.floor(cap);
}
