import type { CallBrief, JsonObject } from '#core/call.ts';
import type { CallLine } from '#core/contracts/dialect.ts';
import { isObject, optional, readCount, readObject, readString } from '#core/read-json.ts';

/** Fields of a body that the gateway acts upon. */
export const interpretedKeys = ['messages', 'system', 'inferenceConfig', 'toolConfig', 'modelId'];

export const isStream = ({ operation }: CallLine): boolean => operation.path.endsWith('/converse-stream');

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html */
export function readBrief(body: JsonObject, line: CallLine): CallBrief {
  const config = optional(body['inferenceConfig'], 'inferenceConfig', readObject);
  const tier = isObject(body['serviceTier']) ? body['serviceTier']['type'] : undefined;
  return {
    model: readString(line.parameters['model'], 'modelId'),
    stream: isStream(line),
    maxOutputTokens: optional(config?.['maxTokens'], 'inferenceConfig.maxTokens', readCount),
    choices: 1,
    // Usage is a part of every stream here.
    wantsUsage: true,
    ...(typeof tier === 'string' ? { serviceTier: tier } : {}),
  };
}
