import type { CallBrief, JsonObject } from '#core/call.ts';
import { optional, readBoolean, readCount, readString } from '#core/read-json.ts';
import { topLevelIds } from './vendor-ids.ts';

/** Keys of a body that the gateway acts upon. */
export const interpretedKeys = ['model', 'stream', 'max_output_tokens', 'input', 'tools', ...topLevelIds];

/** https://platform.openai.com/docs/api-reference/responses/create */
export function readBrief(body: JsonObject): CallBrief {
  const tier = body['service_tier'];
  return {
    model: readString(body['model'], 'model'),
    stream: optional(body['stream'], 'stream', readBoolean) ?? false,
    maxOutputTokens: optional(body['max_output_tokens'], 'max_output_tokens', readCount),
    choices: 1,
    // The last event of every stream has it.
    wantsUsage: true,
    ...(typeof tier === 'string' ? { serviceTier: tier } : {}),
  };
}
