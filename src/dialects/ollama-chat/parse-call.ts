import type { Conversation, JsonObject, OutputFormat, Part, ReasoningWish, Tool, Turn } from '#core/call.ts';
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
import { asChat, isGenerate } from './generate.ts';
import { imagePart, PendingCalls } from './parse-parts.ts';
import { words } from './words.ts';

const known = new Set([
  'model',
  'messages',
  'tools',
  'format',
  'think',
  'stream',
  'logprobs',
  'top_logprobs',
  'options',
]);
const knownOptions = new Set([
  'num_predict',
  'stop',
  'temperature',
  'top_p',
  'top_k',
  'seed',
  'frequency_penalty',
  'presence_penalty',
]);

/** https://docs.ollama.com/api/chat */
export function parseCall(given: JsonObject, line: CallLine): Conversation {
  const body = isGenerate(line) ? asChat(given) : given;
  const brief = readBrief(body);
  const options = optional(body['options'], 'options', readObject) ?? {};
  const number = (name: string) => optional(options[name], `options.${name}`, readNumber);
  const restOfOptions = Object.entries(restOf(options, knownOptions) ?? {});
  return {
    dialect: 'ollama-chat',
    words,
    turns: parseTurns(optional(body['messages'], 'messages', readArray) ?? []),
    tools: (optional(body['tools'], 'tools', readArray) ?? []).map((tool, i) =>
      parseTool(tool, `tools[${i}]`),
    ),
    toolChoice: null,
    parallelToolCalls: null,
    outputFormat: parseFormat(body['format']),
    maxOutputTokens: brief.maxOutputTokens,
    choices: 1,
    stop: parseStop(options['stop']),
    temperature: number('temperature'),
    topP: number('top_p'),
    topK: number('top_k'),
    seed: number('seed'),
    frequencyPenalty: number('frequency_penalty') || null,
    presencePenalty: number('presence_penalty') || null,
    logprobs: optional(body['logprobs'], 'logprobs', readBoolean)
      ? (optional(body['top_logprobs'], 'top_logprobs', readCount) ?? 0)
      : null,
    reasoning: parseThink(body['think']),
    endUser: null,
    stream: brief.stream,
    rest: {
      ...restOf(body, known),
      ...Object.fromEntries(restOfOptions.map(([name, value]) => [`options.${name}`, value])),
    },
  };
}

/** One text alone is taken as well, as the server does. */
function parseStop(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  const list = optional(value, 'options.stop', readArray) ?? [];
  return list.map((word, i) => readString(word, `options.stop[${i}]`));
}

function parseThink(value: unknown): ReasoningWish | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'boolean') return { effort: null, budgetTokens: null, enabled: value };
  if (typeof value !== 'string') throw invalidField('think', 'true, false, or a level such as "high"', value);
  return { effort: value, budgetTokens: null, enabled: true };
}

function parseFormat(value: unknown): OutputFormat | null {
  if (value === undefined || value === null || value === '') return null;
  if (value === 'json') return { type: 'json' };
  if (isObject(value)) return { type: 'json-schema', name: 'answer', schema: value, strict: null };
  throw invalidField('format', '"json" or a JSON schema', value);
}

function parseTool(value: unknown, path: string): Tool {
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
    strict: null,
    ...(rest ? { rest } : {}),
  };
}

function parseTurns(messages: readonly unknown[]): Turn[] {
  const pending = new PendingCalls();
  return messages.map((value, i): Turn => {
    const path = `messages[${i}]`;
    const message = readObject(value, path);
    const role = readString(message['role'], `${path}.role`);
    const parts = parseContent(message, path);
    switch (role) {
      case 'system':
      case 'user':
        return { role, parts, ...restOfMessage(message) };
      case 'assistant':
        return {
          role,
          parts: [...parseThinking(message, path), ...parts, ...parseToolCalls(message, { path, pending })],
          ...restOfMessage(message),
        };
      case 'tool': {
        const name = optional(message['tool_name'], `${path}.tool_name`, readString);
        const id = optional(message['tool_call_id'], `${path}.tool_call_id`, readString);
        const callId = pending.answer(id, name) ?? `call_${i}`;
        return { role, parts: [{ type: 'tool-result', callId, parts, isError: false }] };
      }
      default:
        throw invalidField(`${path}.role`, '"system", "user", "assistant" or "tool"', role);
    }
  });
}

const messageFields = new Set([
  'role',
  'content',
  'thinking',
  'images',
  'tool_calls',
  'tool_name',
  'tool_call_id',
]);

function restOfMessage(message: JsonObject): { rest?: JsonObject } {
  const rest = restOf(message, messageFields);
  return rest ? { rest } : {};
}

/** The text, and then the pictures: where between the words they stood nobody says. */
function parseContent(message: JsonObject, path: string): Part[] {
  const text = optional(message['content'], `${path}.content`, readString) ?? '';
  const images = optional(message['images'], `${path}.images`, readArray) ?? [];
  return [
    ...(text === '' ? [] : [{ type: 'text', text } as const]),
    ...images.map((image, i) => imagePart(readString(image, `${path}.images[${i}]`))),
  ];
}

function parseThinking(message: JsonObject, path: string): Part[] {
  const text = optional(message['thinking'], `${path}.thinking`, readString) ?? '';
  return text === '' ? [] : [{ type: 'reasoning', text, signature: null, sealed: null }];
}

function parseToolCalls(message: JsonObject, at: { path: string; pending: PendingCalls }): Part[] {
  return (optional(message['tool_calls'], `${at.path}.tool_calls`, readArray) ?? []).map((value, i) => {
    const path = `${at.path}.tool_calls[${i}]`;
    const call = readObject(value, path);
    const fn = readObject(call['function'], `${path}.function`);
    const name = readString(fn['name'], `${path}.function.name`);
    const given = optional(call['id'], `${path}.id`, readString);
    const args = fn['arguments'];
    return {
      type: 'tool-call',
      id: at.pending.ask(given, name),
      name,
      arguments:
        typeof args === 'string'
          ? args
          : JSON.stringify(optional(args, `${path}.function.arguments`, readObject) ?? {}),
    };
  });
}
