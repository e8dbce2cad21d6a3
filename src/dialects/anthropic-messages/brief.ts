import type { CallBrief, JsonObject } from '#core/call.ts';
import { optional, readBoolean, readCount, readString } from '#core/read-json.ts';

/** Keys of a body that the gateway acts upon. */
export const interpretedKeys = [
  'model',
  'stream',
  'max_tokens',
  'messages',
  'system',
  'tools',
  'thinking',
  'container',
];

/** https://docs.anthropic.com/en/api/messages */
export function readBrief(body: JsonObject): CallBrief {
  const tier = body['speed'] === 'fast' ? 'fast' : body['service_tier'];
  return {
    model: readString(body['model'], 'model'),
    stream: optional(body['stream'], 'stream', readBoolean) ?? false,
    maxOutputTokens: optional(body['max_tokens'], 'max_tokens', readCount),
    choices: 1,
    // Usage is a part of every stream here.
    wantsUsage: true,
    ...(typeof tier === 'string' ? { serviceTier: tier } : {}),
  };
}
