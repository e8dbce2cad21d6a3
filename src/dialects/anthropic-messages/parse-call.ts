import type {
  Conversation,
  JsonObject,
  OutputFormat,
  ReasoningWish,
  Tool,
  ToolChoice,
  Turn,
} from '#core/call.ts';
import {
  invalidField,
  isObject,
  optional,
  readArray,
  readBoolean,
  readCount,
  readNumber,
  readObject,
  readString,
  restOf,
} from '#core/read-json.ts';
import { readBrief } from './brief.ts';
import { cacheOf, parseContent, withRest } from './parse-content.ts';
import { words } from './words.ts';

const known = new Set([
  'model',
  'messages',
  'max_tokens',
  'system',
  'stop_sequences',
  'stream',
  'tools',
  'tool_choice',
  'thinking',
  'output_config',
  'metadata',
  'temperature',
  'top_p',
  'top_k',
]);

/** https://docs.anthropic.com/en/api/messages */
export function parseCall(body: JsonObject): Conversation {
  const brief = readBrief(body);
  const metadata = optional(body['metadata'], 'metadata', readObject) ?? {};
  const config = optional(body['output_config'], 'output_config', readObject) ?? {};
  const rest = {
    ...restOf(body, known),
    ...prefixed('output_config', restOf(config, new Set(['effort', 'format']))),
    ...prefixed('metadata', restOf(metadata, new Set(['user_id']))),
  };
  if (rest['service_tier'] === 'auto') delete rest['service_tier'];
  if (rest['speed'] === 'standard') delete rest['speed'];
  const choice = optional(body['tool_choice'], 'tool_choice', readObject);
  return {
    dialect: 'anthropic-messages',
    words,
    turns: [
      ...parseSystem(body['system']),
      ...readArray(body['messages'], 'messages').flatMap((message, i) =>
        parseTurns(message, `messages[${i}]`),
      ),
    ],
    tools: (optional(body['tools'], 'tools', readArray) ?? []).map((tool, i) =>
      parseTool(tool, `tools[${i}]`),
    ),
    toolChoice: choice ? parseToolChoice(choice) : null,
    parallelToolCalls: choice && choice['disable_parallel_tool_use'] === true ? false : null,
    outputFormat: parseFormat(config['format']),
    maxOutputTokens: brief.maxOutputTokens,
    choices: 1,
    stop: (optional(body['stop_sequences'], 'stop_sequences', readArray) ?? []).map((word, i) =>
      readString(word, `stop_sequences[${i}]`),
    ),
    temperature: optional(body['temperature'], 'temperature', readNumber),
    topP: optional(body['top_p'], 'top_p', readNumber),
    topK: optional(body['top_k'], 'top_k', readNumber),
    seed: null,
    frequencyPenalty: null,
    presencePenalty: null,
    logprobs: null,
    reasoning: parseThinking(body['thinking'], config['effort']),
    endUser: optional(metadata['user_id'], 'metadata.user_id', readString),
    stream: brief.stream,
    rest,
  };
}

const prefixed = (name: string, rest: JsonObject | undefined): JsonObject =>
  Object.fromEntries(Object.entries(rest ?? {}).map(([key, value]) => [`${name}.${key}`, value]));

function parseSystem(value: unknown): Turn[] {
  if (value === undefined || value === null || value === '') return [];
  return [{ role: 'system', parts: parseContent(value, 'system') }];
}

/** Results of tools stand in the user's turn here, and are turns of their own in neutral words. */
function parseTurns(value: unknown, path: string): Turn[] {
  const message = readObject(value, path);
  const role = readString(message['role'], `${path}.role`);
  const parts = parseContent(message['content'], `${path}.content`);
  switch (role) {
    case 'assistant':
      return [{ role: 'assistant', parts }];
    case 'system':
      return [{ role: 'system', parts }];
    case 'user': {
      const results = parts.filter((part) => part.type === 'tool-result');
      const others = parts.filter((part) => part.type !== 'tool-result');
      return [
        ...(results.length ? [{ role: 'tool', parts: results } as const] : []),
        ...(others.length || results.length === 0 ? [{ role: 'user', parts: others } as const] : []),
      ];
    }
    default:
      throw invalidField(`${path}.role`, '"user", "assistant" or "system"', role);
  }
}

function parseTool(value: unknown, path: string): Tool {
  const tool = readObject(value, path);
  const name = readString(tool['name'], `${path}.name`);
  if (tool['type'] !== undefined && tool['type'] !== null && tool['type'] !== 'custom') {
    return { name, description: null, schema: null, strict: null, raw: tool };
  }
  return {
    name,
    description: optional(tool['description'], `${path}.description`, readString),
    schema: readObject(tool['input_schema'], `${path}.input_schema`),
    strict: optional(tool['strict'], `${path}.strict`, readBoolean),
    ...cacheOf(tool),
    ...withRest(tool, ['type', 'name', 'description', 'input_schema', 'strict', 'cache_control']),
  };
}

function parseToolChoice(choice: JsonObject): ToolChoice {
  switch (choice['type']) {
    case 'auto':
    case 'none':
      return { type: choice['type'] };
    case 'any':
      return { type: 'required' };
    case 'tool':
      return { type: 'named', name: readString(choice['name'], 'tool_choice.name') };
    default:
      throw invalidField('tool_choice.type', '"auto", "any", "tool" or "none"', choice['type']);
  }
}

function parseFormat(value: unknown): OutputFormat | null {
  if (value === undefined || value === null) return null;
  const format = readObject(value, 'output_config.format');
  if (format['type'] !== 'json_schema')
    throw invalidField('output_config.format.type', '"json_schema"', format['type']);
  return {
    type: 'json-schema',
    name: 'answer',
    schema: readObject(format['schema'], 'output_config.format.schema'),
    strict: true,
  };
}

function parseThinking(value: unknown, effort: unknown): ReasoningWish | null {
  const level = optional(effort, 'output_config.effort', readString);
  if (value === undefined || value === null)
    return level === null ? null : { effort: level, budgetTokens: null, enabled: true };
  const thinking = readObject(value, 'thinking');
  const rest = isObject(thinking)
    ? restOf(thinking, new Set(['type', 'budget_tokens', 'display']))
    : undefined;
  return {
    effort: level,
    budgetTokens: optional(thinking['budget_tokens'], 'thinking.budget_tokens', readCount),
    enabled: thinking['type'] !== 'disabled',
    ...(rest ? { rest } : {}),
  };
}
