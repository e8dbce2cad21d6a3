import type { CallBrief, JsonObject } from '#core/call.ts';
import { optional, readBoolean, readCount, readString } from '#core/read-json.ts';

/** Keys of a body that the gateway acts upon. */
export const interpretedKeys = [
  'model',
  'stream',
  'max_tokens',
  'messages',
  'tools',
  'documents',
  'thinking',
];

/** https://docs.cohere.com/reference/chat */
export function readBrief(body: JsonObject): CallBrief {
  return {
    model: readString(body['model'], 'model'),
    stream: optional(body['stream'], 'stream', readBoolean) ?? false,
    maxOutputTokens: optional(body['max_tokens'], 'max_tokens', readCount),
    choices: 1,
    // Usage is a part of every stream's last event here.
    wantsUsage: true,
  };
}
