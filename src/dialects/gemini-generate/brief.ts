import type { CallBrief, JsonObject } from '#core/call.ts';
import type { CallLine } from '#core/contracts/dialect.ts';
import { invalidField, optional, readCount } from '#core/read-json.ts';
import { readMessage } from './fields.ts';

/** Top-level fields that the gateway acts upon, and their other spellings. */
const spellings = {
  contents: 'contents',
  systemInstruction: 'system_instruction',
  generationConfig: 'generation_config',
  tools: 'tools',
  toolConfig: 'tool_config',
  cachedContent: 'cached_content',
} as const;
export const interpretedKeys = [
  ...new Set([...Object.keys(spellings), ...Object.values(spellings), 'model']),
];

/** Model and form stand in the path. https://ai.google.dev/api/generate-content */
export function readBrief(body: JsonObject, line: CallLine): CallBrief {
  for (const [camel, snake] of Object.entries(spellings))
    if (camel !== snake && camel in body && snake in body)
      throw invalidField(camel, `the field once, and not as "${snake}" besides`, body[camel]);
  const config = readConfig(body);
  const path = 'generationConfig';
  const tier = body['serviceTier'] ?? body['service_tier'];
  return {
    model: modelOf(line),
    stream: isStream(line),
    maxOutputTokens: optional(config['maxOutputTokens'], `${path}.maxOutputTokens`, readCount),
    choices: optional(config['candidateCount'], `${path}.candidateCount`, readCount) || 1,
    // Usage is a part of every answer and event here.
    wantsUsage: true,
    ...(typeof tier === 'string' ? { serviceTier: tier.toLowerCase().replace(/^service_tier_/, '') } : {}),
  };
}

export function readConfig(body: JsonObject): JsonObject {
  const config = body['generationConfig'] ?? body['generation_config'];
  return optional(config, 'generationConfig', readMessage) ?? {};
}

export const isStream = ({ operation }: CallLine): boolean =>
  operation.path.endsWith(':streamGenerateContent');

/** Streams are server-sent events for who asks for them, and else one JSON array. */
export const isArray = (line: CallLine): boolean => isStream(line) && !line.query.includes('alt=sse');

/** Clients of the vendor's cloud write the part of a name before its slash as the publisher. */
function modelOf({ parameters }: CallLine): string {
  const { model = '', publisher = 'google' } = parameters;
  return publisher === 'google' ? model : `${publisher}/${model}`;
}
