import type { CallBrief, JsonObject } from '#core/call.ts';
import type { CallLine } from '#core/contracts/dialect.ts';
import { isObject, optional, readBoolean, readCount, readString } from '#core/read-json.ts';
import { topLevelIds } from './vendor-ids.ts';

/** Keys of a body that the gateway acts upon. */
export const interpretedKeys = [
  'model',
  'stream',
  'stream_options',
  'max_tokens',
  'max_completion_tokens',
  'n',
  'messages',
  'tools',
  ...topLevelIds,
];

/** https://platform.openai.com/docs/api-reference/chat/create */
export function readBrief(body: JsonObject, { parameters }: Pick<CallLine, 'parameters'>): CallBrief {
  const options = body['stream_options'];
  const tier = body['service_tier'];
  return {
    // Azure's path names the deployment, whatever the body says.
    model: parameters['model'] ?? readString(body['model'], 'model'),
    stream: optional(body['stream'], 'stream', readBoolean) ?? false,
    maxOutputTokens:
      optional(body['max_completion_tokens'], 'max_completion_tokens', readCount) ??
      optional(body['max_tokens'], 'max_tokens', readCount),
    choices: Math.max(1, optional(body['n'], 'n', readCount) ?? 1),
    wantsUsage: isObject(options) && options['include_usage'] === true,
    ...(typeof tier === 'string' ? { serviceTier: tier } : {}),
  };
}
