import type { Conversation, JsonObject, OutputFormat, Part, ReasoningWish, Tool, Turn } from '#core/call.ts';
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
import { parseContent } from './parse-content.ts';
import { words } from './words.ts';

const known = new Set([
  'model',
  'messages',
  'tools',
  'tool_choice',
  'strict_tools',
  'response_format',
  'max_tokens',
  'stop_sequences',
  'temperature',
  'seed',
  'frequency_penalty',
  'presence_penalty',
  'k',
  'p',
  'logprobs',
  'thinking',
  'stream',
]);
/** Values that ask for nothing: leaving them out changes nothing. */
const neutral: Readonly<Record<string, unknown>> = { priority: 0, safety_mode: 'CONTEXTUAL' };

/** https://docs.cohere.com/reference/chat */
export function parseCall(body: JsonObject): Conversation {
  const brief = readBrief(body);
  const number = (name: string) => optional(body[name], name, readNumber);
  const isStrict = optional(body['strict_tools'], 'strict_tools', readBoolean) ?? false;
  const stop = optional(body['stop_sequences'], 'stop_sequences', readArray) ?? [];
  const rest = Object.entries(restOf(body, known) ?? {}).filter(
    ([key, value]) => neutral[key] !== value && !(Array.isArray(value) && value.length === 0),
  );
  return {
    dialect: 'cohere-chat',
    words,
    turns: readArray(body['messages'], 'messages').map((message, i) => parseTurn(message, `messages[${i}]`)),
    tools: (optional(body['tools'], 'tools', readArray) ?? []).map((tool, i) =>
      parseTool(tool, `tools[${i}]`, isStrict),
    ),
    toolChoice: parseToolChoice(body['tool_choice']),
    parallelToolCalls: null,
    outputFormat: parseFormat(body['response_format']),
    maxOutputTokens: brief.maxOutputTokens,
    choices: 1,
    stop: stop.map((word, i) => readString(word, `stop_sequences[${i}]`)),
    temperature: number('temperature'),
    topP: number('p'),
    // 0 switches it off.
    topK: number('k') || null,
    seed: number('seed'),
    frequencyPenalty: number('frequency_penalty') || null,
    presencePenalty: number('presence_penalty') || null,
    logprobs: optional(body['logprobs'], 'logprobs', readBoolean) ? 0 : null,
    reasoning: parseThinking(body['thinking']),
    endUser: null,
    stream: brief.stream,
    rest: Object.fromEntries(rest),
  };
}

function parseThinking(value: unknown): ReasoningWish | null {
  const thinking = optional(value, 'thinking', readObject);
  if (!thinking) return null;
  const type = readString(thinking['type'], 'thinking.type');
  if (type !== 'enabled' && type !== 'disabled')
    throw invalidField('thinking.type', '"enabled" or "disabled"', type);
  const budgetTokens = optional(thinking['token_budget'], 'thinking.token_budget', readCount);
  return { effort: null, budgetTokens, enabled: type === 'enabled' };
}

function parseToolChoice(value: unknown): Conversation['toolChoice'] {
  if (value === undefined || value === null) return null;
  if (value === 'REQUIRED') return { type: 'required' };
  if (value === 'NONE') return { type: 'none' };
  throw invalidField('tool_choice', '"REQUIRED" or "NONE"', value);
}

/** Older callers name the schema `schema`. */
function parseFormat(value: unknown): OutputFormat | null {
  const format = optional(value, 'response_format', readObject);
  if (!format) return null;
  switch (format['type']) {
    case 'text':
      return null;
    case 'json_object': {
      const given = format['json_schema'] ?? format['schema'];
      const schema = optional(given, 'response_format.json_schema', readObject);
      return schema ? { type: 'json-schema', name: 'answer', schema, strict: null } : { type: 'json' };
    }
    default:
      throw invalidField('response_format.type', '"text" or "json_object"', format['type']);
  }
}

function parseTool(value: unknown, path: string, isStrict: boolean): Tool {
  const tool = readObject(value, path);
  const fn = readObject(tool['function'], `${path}.function`);
  const rest = restOf(fn, new Set(['name', 'description', 'parameters']));
  return {
    name: readString(fn['name'], `${path}.function.name`),
    description: optional(fn['description'], `${path}.function.description`, readString),
    schema: optional(fn['parameters'], `${path}.function.parameters`, readObject) ?? {
      type: 'object',
      properties: {},
    },
    strict: isStrict ? true : null,
    ...(rest ? { rest } : {}),
  };
}

function parseTurn(value: unknown, path: string): Turn {
  const message = readObject(value, path);
  const role = readString(message['role'], `${path}.role`);
  const content = () => parseContent(message['content'], `${path}.content`);
  switch (role) {
    case 'system':
    case 'user':
      return { role, parts: content(), ...restOfMessage(message, ['role', 'content']) };
    case 'assistant':
      return {
        role,
        parts: parseAssistant(message, path),
        ...restOfMessage(message, ['role', 'content', 'tool_plan', 'tool_calls']),
      };
    case 'tool': {
      const callId = readString(message['tool_call_id'], `${path}.tool_call_id`);
      return { role, parts: [{ type: 'tool-result', callId, parts: content(), isError: false }] };
    }
    default:
      throw invalidField(`${path}.role`, '"system", "user", "assistant" or "tool"', role);
  }
}

function restOfMessage(message: JsonObject, fields: readonly string[]): { rest?: JsonObject } {
  const rest = restOf(message, new Set(fields));
  return rest ? { rest } : {};
}

/** What it plans to do with its tools is text that goes before the calls. */
function parseAssistant(message: JsonObject, path: string): Part[] {
  const content = message['content'];
  const parts = content === undefined || content === null ? [] : parseContent(content, `${path}.content`);
  const plan = optional(message['tool_plan'], `${path}.tool_plan`, readString) ?? '';
  if (plan !== '') parts.push({ type: 'text', text: plan });
  (optional(message['tool_calls'], `${path}.tool_calls`, readArray) ?? []).forEach((value, i) => {
    const at = `${path}.tool_calls[${i}]`;
    const call = readObject(value, at);
    const fn = isObject(call['function']) ? call['function'] : {};
    parts.push({
      type: 'tool-call',
      id: readString(call['id'], `${at}.id`),
      name: readString(fn['name'], `${at}.function.name`),
      arguments: optional(fn['arguments'], `${at}.function.arguments`, readString) ?? '',
    });
  });
  return parts;
}
