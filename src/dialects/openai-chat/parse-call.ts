import type {
  Conversation,
  JsonObject,
  OutputFormat,
  Part,
  ReasoningWish,
  Tool,
  ToolChoice,
  Turn,
} from '#core/call.ts';
import type { CallLine } from '#core/contracts/dialect.ts';
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
import { words } from './words.ts';
import { parseContent, parseReasoning, withRest } from './parse-parts.ts';

const known = new Set([
  'model',
  'messages',
  'max_tokens',
  'max_completion_tokens',
  'n',
  'stop',
  'temperature',
  'top_p',
  'seed',
  'random_seed',
  'frequency_penalty',
  'presence_penalty',
  'logprobs',
  'top_logprobs',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'response_format',
  'reasoning_effort',
  'user',
  'stream',
  'stream_options',
]);
/** Values that ask for nothing: leaving them out changes nothing. */
const neutral: Readonly<Record<string, unknown>> = {
  store: false,
  service_tier: 'auto',
  verbosity: 'medium',
  safe_prompt: false,
};

/** https://platform.openai.com/docs/api-reference/chat/create */
export function parseCall(body: JsonObject, line: Pick<CallLine, 'parameters'>): Conversation {
  const brief = readBrief(body, line);
  const rest = restOf(body, known) ?? {};
  return {
    dialect: 'openai-chat',
    words,
    turns: readArray(body['messages'], 'messages').map((message, i) => parseTurn(message, `messages[${i}]`)),
    tools: (optional(body['tools'], 'tools', readArray) ?? []).map((tool, i) =>
      parseTool(tool, `tools[${i}]`),
    ),
    toolChoice: parseToolChoice(body['tool_choice']),
    parallelToolCalls: optional(body['parallel_tool_calls'], 'parallel_tool_calls', readBoolean),
    outputFormat: parseFormat(body['response_format']),
    maxOutputTokens: brief.maxOutputTokens,
    choices: brief.choices,
    stop: parseStop(body['stop']),
    temperature: optional(body['temperature'], 'temperature', readNumber),
    topP: optional(body['top_p'], 'top_p', readNumber),
    topK: null,
    seed: optional(body['seed'] ?? body['random_seed'], 'seed', readNumber),
    frequencyPenalty: parsePenalty(body, 'frequency_penalty'),
    presencePenalty: parsePenalty(body, 'presence_penalty'),
    logprobs: parseLogprobs(body),
    reasoning: parseEffort(body['reasoning_effort']),
    endUser: optional(body['user'], 'user', readString),
    stream: brief.stream,
    rest: {
      ...Object.fromEntries(Object.entries(rest).filter(([key, value]) => !asksNothing(key, value))),
      ...restOfChoice(body['tool_choice']),
      ...restOfFormat(body['response_format']),
    },
  };
}

/** 0 asks for nothing. */
function parsePenalty(body: JsonObject, field: 'frequency_penalty' | 'presence_penalty'): number | null {
  return optional(body[field], field, readNumber) || null;
}

function parseLogprobs(body: JsonObject): number | null {
  if (!optional(body['logprobs'], 'logprobs', readBoolean)) return null;
  return optional(body['top_logprobs'], 'top_logprobs', readCount) ?? 0;
}

function asksNothing(key: string, value: unknown): boolean {
  if (key === 'modalities') return Array.isArray(value) && value.every((kind) => kind === 'text');
  if (isObject(value)) return Object.keys(value).length === 0;
  return neutral[key] === value;
}

/** What a choice says that the vocabulary has no word for: a tool that takes free text. */
function restOfChoice(choice: unknown): JsonObject {
  if (!isObject(choice) || choice['type'] === 'function' || amongOf(choice) !== null) return {};
  return { tool_choice: choice };
}

function restOfFormat(format: unknown): JsonObject {
  const spec = isObject(format) && isObject(format['json_schema']) ? format['json_schema'] : {};
  return typeof spec['description'] === 'string'
    ? { 'response_format.json_schema.description': spec['description'] }
    : {};
}

function parseStop(value: unknown): string[] {
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return [value];
  return readArray(value, 'stop').map((word, i) => readString(word, `stop[${i}]`));
}

function parseEffort(value: unknown): ReasoningWish | null {
  const effort = optional(value, 'reasoning_effort', readString);
  return effort === null ? null : { effort, budgetTokens: null, enabled: effort !== 'none' };
}

function parseTurn(value: unknown, path: string): Turn {
  const message = readObject(value, path);
  const role = readString(message['role'], `${path}.role`);
  const name = optional(message['name'], `${path}.name`, readString);
  const named = name === null ? {} : { name };
  switch (role) {
    case 'system':
    case 'developer':
      return { role: 'system', parts: parseContent(message['content'], `${path}.content`), ...named };
    case 'user':
      return { role: 'user', parts: parseContent(message['content'], `${path}.content`), ...named };
    case 'assistant':
      return {
        role: 'assistant',
        parts: parseAssistant(message, path),
        ...named,
        ...withRest(message, message['prefix'] === false ? unprefixed : assistantFields),
      };
    case 'tool': {
      const callId = readString(message['tool_call_id'], `${path}.tool_call_id`);
      const parts = parseContent(message['content'], `${path}.content`);
      return { role: 'tool', parts: [{ type: 'tool-result', callId, parts, isError: false }] };
    }
    default:
      throw invalidField(`${path}.role`, '"system", "developer", "user", "assistant" or "tool"', role);
  }
}

const assistantFields = new Set([
  'role',
  'name',
  'content',
  'refusal',
  'tool_calls',
  'reasoning_content',
  'reasoning',
  'reasoning_details',
  'annotations',
  'parsed',
]);

/** Some clients always say that an answer does not begin so. */
const unprefixed = new Set([...assistantFields, 'prefix']);

function parseAssistant(message: JsonObject, path: string): Part[] {
  const parts: Part[] = parseReasoning(message);
  if (message['content'] !== null && message['content'] !== undefined)
    parts.push(...parseContent(message['content'], `${path}.content`));
  const refusal = optional(message['refusal'], `${path}.refusal`, readString);
  if (refusal) parts.push({ type: 'refusal', text: refusal });
  (optional(message['tool_calls'], `${path}.tool_calls`, readArray) ?? []).forEach((value, i) => {
    const at = `${path}.tool_calls[${i}]`;
    const call = readObject(value, at);
    if (call['type'] === 'custom') {
      parts.push({ type: 'opaque', dialect: 'openai-chat', raw: call });
      return;
    }
    const fn = readObject(call['function'], `${at}.function`);
    parts.push({
      type: 'tool-call',
      id: readString(call['id'], `${at}.id`),
      name: readString(fn['name'], `${at}.function.name`),
      // Some clients give what they parsed.
      arguments: isObject(fn['arguments'])
        ? JSON.stringify(fn['arguments'])
        : readString(fn['arguments'], `${at}.function.arguments`),
    });
  });
  return parts;
}

function parseTool(value: unknown, path: string): Tool {
  const tool = readObject(value, path);
  if (tool['type'] !== 'function') {
    return { name: String(tool['type']), description: null, schema: null, strict: null, raw: tool };
  }
  const fn = readObject(tool['function'], `${path}.function`);
  return {
    name: readString(fn['name'], `${path}.function.name`),
    description: optional(fn['description'], `${path}.function.description`, readString),
    schema: optional(fn['parameters'], `${path}.function.parameters`, readObject) ?? {
      type: 'object',
      properties: {},
    },
    strict: optional(fn['strict'], `${path}.function.strict`, readBoolean),
    ...withRest(fn, new Set(['name', 'description', 'parameters', 'strict'])),
  };
}

function parseToolChoice(value: unknown): ToolChoice | null {
  if (value === undefined || value === null) return null;
  if (value === 'none' || value === 'auto' || value === 'required') return { type: value };
  if (value === 'any') return { type: 'required' };
  const choice = readObject(value, 'tool_choice');
  if (choice['type'] === 'function') {
    return {
      type: 'named',
      name: readString(
        readObject(choice['function'], 'tool_choice.function')['name'],
        'tool_choice.function.name',
      ),
    };
  }
  if (choice['type'] === 'allowed_tools') {
    const { mode } = readObject(choice['allowed_tools'] ?? choice, 'tool_choice.allowed_tools');
    const among = amongOf(choice);
    // Where one is no function, which of them is lost (see `rest`); whether one must be called is not.
    return { type: mode === 'required' ? 'required' : 'auto', ...(among && { among }) };
  }
  if (choice['type'] === 'custom') return null;
  throw invalidField('tool_choice', '"none", "auto", "required", a function or allowed tools', value);
}

/** Names of the functions that are allowed; null where something else is among them. */
function amongOf(choice: JsonObject): string[] | null {
  const allowed = isObject(choice['allowed_tools']) ? choice['allowed_tools'] : choice;
  const names: string[] = [];
  for (const tool of Array.isArray(allowed['tools']) ? allowed['tools'] : [null]) {
    const fn = isObject(tool) && isObject(tool['function']) ? tool['function'] : null;
    if (typeof fn?.['name'] !== 'string') return null;
    names.push(fn['name']);
  }
  return names;
}

function parseFormat(value: unknown): OutputFormat | null {
  if (value === undefined || value === null) return null;
  const format = readObject(value, 'response_format');
  switch (format['type']) {
    case 'text':
      return null;
    case 'json_object':
      return { type: 'json' };
    case 'json_schema': {
      const spec = readObject(format['json_schema'], 'response_format.json_schema');
      return {
        type: 'json-schema',
        name: readString(spec['name'], 'response_format.json_schema.name'),
        schema: readObject(spec['schema'], 'response_format.json_schema.schema'),
        strict: optional(spec['strict'], 'response_format.json_schema.strict', readBoolean),
      };
    }
    default:
      throw invalidField('response_format.type', '"text", "json_object" or "json_schema"', format['type']);
  }
}
