import type { Conversation, JsonObject, OutputFormat, ReasoningWish, Tool, ToolChoice } from '#core/call.ts';
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
import { parseInput } from './parse-input.ts';
import { withRest } from './parse-parts.ts';
import { words } from './words.ts';

const known = new Set([
  'model',
  'input',
  'instructions',
  'max_output_tokens',
  'temperature',
  'top_p',
  'top_logprobs',
  'include',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'text',
  'reasoning',
  'user',
  'safety_identifier',
  'stream',
  'stream_options',
]);
/** Values that ask for nothing: leaving them out changes nothing. */
const neutral: Readonly<Record<string, unknown>> = {
  store: false,
  background: false,
  service_tier: 'auto',
  truncation: 'disabled',
};
/** What is asked to be included and comes anyway, or has a word of its own. */
const included = ['reasoning.encrypted_content', 'message.output_text.logprobs'];

/** https://platform.openai.com/docs/api-reference/responses/create */
export function parseCall(body: JsonObject): Conversation {
  const brief = readBrief(body);
  const format = optional(body['text'], 'text', readObject) ?? {};
  return {
    dialect: 'openai-responses',
    words,
    turns: parseInput(body),
    tools: (optional(body['tools'], 'tools', readArray) ?? []).map((tool, i) =>
      parseTool(tool, `tools[${i}]`),
    ),
    toolChoice: parseToolChoice(body['tool_choice']),
    parallelToolCalls: optional(body['parallel_tool_calls'], 'parallel_tool_calls', readBoolean),
    outputFormat: parseFormat(format['format']),
    maxOutputTokens: brief.maxOutputTokens,
    choices: 1,
    stop: [],
    temperature: optional(body['temperature'], 'temperature', readNumber),
    topP: optional(body['top_p'], 'top_p', readNumber),
    topK: null,
    seed: null,
    frequencyPenalty: null,
    presencePenalty: null,
    logprobs: parseLogprobs(body),
    reasoning: parseReasoning(body['reasoning']),
    endUser: optional(body['user'] ?? body['safety_identifier'], 'user', readString),
    stream: brief.stream,
    rest: restOfCall(body, format),
  };
}

function restOfCall(body: JsonObject, format: JsonObject): JsonObject {
  const rest = restOf(body, known) ?? {};
  const others = includes(body).filter((word) => !included.includes(String(word)));
  const verbosity = format['verbosity'] === 'medium' ? {} : { verbosity: format['verbosity'] };
  const { format: _, verbosity: __, ...unknown } = format;
  return {
    ...Object.fromEntries(Object.entries(rest).filter(([key, value]) => !asksNothing(key, value))),
    ...(others.length > 0 ? { include: others } : {}),
    ...prefixed('text', restOf({ ...unknown, ...verbosity }, new Set())),
    ...restOfFormat(format['format']),
    ...restOfChoice(body['tool_choice']),
  };
}

const includes = (body: JsonObject): readonly unknown[] =>
  optional(body['include'], 'include', readArray) ?? [];

const prefixed = (name: string, rest: JsonObject | undefined): JsonObject =>
  Object.fromEntries(Object.entries(rest ?? {}).map(([key, value]) => [`${name}.${key}`, value]));

function asksNothing(key: string, value: unknown): boolean {
  if (isObject(value)) return Object.keys(value).length === 0;
  return Object.hasOwn(neutral, key) && neutral[key] === value;
}

function restOfFormat(format: unknown): JsonObject {
  return isObject(format) && typeof format['description'] === 'string'
    ? { 'text.format.description': format['description'] }
    : {};
}

/** What a choice says that the vocabulary has no word for: a hosted tool, or one that takes free text. */
function restOfChoice(choice: unknown): JsonObject {
  if (!isObject(choice) || choice['type'] === 'function' || amongOf(choice) !== null) return {};
  return { tool_choice: choice };
}

function parseLogprobs(body: JsonObject): number | null {
  const others = optional(body['top_logprobs'], 'top_logprobs', readCount);
  if (others) return others;
  return includes(body).includes('message.output_text.logprobs') ? 0 : null;
}

function parseTool(value: unknown, path: string): Tool {
  const tool = readObject(value, path);
  const type = readString(tool['type'], `${path}.type`);
  if (type !== 'function') return { name: type, description: null, schema: null, strict: null, raw: tool };
  return {
    name: readString(tool['name'], `${path}.name`),
    description: optional(tool['description'], `${path}.description`, readString),
    schema: optional(tool['parameters'], `${path}.parameters`, readObject) ?? {
      type: 'object',
      properties: {},
    },
    // Unsaid, it is kept to where the schema allows that: others call this not strict.
    strict: optional(tool['strict'], `${path}.strict`, readBoolean) || null,
    ...withRest(tool, ['type', 'name', 'description', 'parameters', 'strict']),
  };
}

function parseToolChoice(value: unknown): ToolChoice | null {
  if (value === undefined || value === null) return null;
  if (value === 'none' || value === 'auto' || value === 'required') return { type: value };
  const choice = readObject(value, 'tool_choice');
  switch (choice['type']) {
    case 'function':
      return { type: 'named', name: readString(choice['name'], 'tool_choice.name') };
    case 'allowed_tools': {
      const among = amongOf(choice);
      // Where one is no function, which of them is lost (see `rest`); whether one must be called is not.
      return { type: choice['mode'] === 'required' ? 'required' : 'auto', ...(among && { among }) };
    }
    default:
      readString(choice['type'], 'tool_choice.type');
      return null;
  }
}

/** Names of the functions that are allowed; null where something else is among them. */
function amongOf(choice: JsonObject): string[] | null {
  const names: string[] = [];
  for (const tool of Array.isArray(choice['tools']) ? (choice['tools'] as unknown[]) : [null]) {
    if (!isObject(tool) || tool['type'] !== 'function' || typeof tool['name'] !== 'string') return null;
    names.push(tool['name']);
  }
  return names;
}

function parseFormat(value: unknown): OutputFormat | null {
  if (value === undefined || value === null) return null;
  const format = readObject(value, 'text.format');
  switch (format['type']) {
    case 'text':
      return null;
    case 'json_object':
      return { type: 'json' };
    case 'json_schema':
      return {
        type: 'json-schema',
        name: readString(format['name'], 'text.format.name'),
        schema: readObject(format['schema'], 'text.format.schema'),
        strict: optional(format['strict'], 'text.format.strict', readBoolean),
      };
    default:
      throw invalidField('text.format.type', '"text", "json_object" or "json_schema"', format['type']);
  }
}

/** How reasoning is told (`summary`) is the target's affair: it is passed on as it comes. */
function parseReasoning(value: unknown): ReasoningWish | null {
  const wish = optional(value, 'reasoning', readObject);
  if (!wish) return null;
  const effort = optional(wish['effort'], 'reasoning.effort', readString);
  const others = restOf(wish, new Set(['effort', 'summary', 'generate_summary'])) ?? {};
  const asking = Object.entries(others).filter(([, value]) => value !== 'auto' && value !== 'standard');
  const rest = asking.length > 0 ? Object.fromEntries(asking) : null;
  if (effort === null && !rest) return null;
  return { effort, budgetTokens: null, enabled: effort !== 'none', ...(rest ? { rest } : {}) };
}
