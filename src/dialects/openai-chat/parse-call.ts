import type {
  Conversation,
  JsonObject,
  MediaSource,
  OutputFormat,
  Part,
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
  readNumber,
  readObject,
  readString,
  restOf,
} from '#core/read-json.ts';
import { readBrief } from './brief.ts';

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
  frequency_penalty: 0,
  presence_penalty: 0,
  logprobs: false,
  store: false,
  service_tier: 'auto',
  verbosity: 'medium',
};

/** https://platform.openai.com/docs/api-reference/chat/create */
export function parseCall(body: JsonObject): Conversation {
  const brief = readBrief(body);
  const rest = restOf(body, known) ?? {};
  return {
    dialect: 'openai-chat',
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
    seed: optional(body['seed'], 'seed', readNumber),
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

function asksNothing(key: string, value: unknown): boolean {
  if (key === 'modalities') return Array.isArray(value) && value.every((kind) => kind === 'text');
  if (isObject(value)) return Object.keys(value).length === 0;
  return neutral[key] === value;
}

/** What a choice says that the vocabulary has no word for: a list of allowed tools, a tool that takes free text. */
function restOfChoice(choice: unknown): JsonObject {
  return isObject(choice) && choice['type'] !== 'function' ? { tool_choice: choice } : {};
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
        ...withRest(message, assistantFields),
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

function withRest(value: JsonObject, fields: ReadonlySet<string>): { rest?: JsonObject } {
  const rest = restOf(value, fields);
  return rest ? { rest } : {};
}

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
      arguments: readString(fn['arguments'], `${at}.function.arguments`),
    });
  });
  return parts;
}

/**
 * Reasoning as this dialect's clients echo it: readable text in `reasoning_content`, proof and sealed state, entry by
 * entry, in `reasoning_details`.
 */
function parseReasoning(message: JsonObject): Part[] {
  const text = [message['reasoning_content'], message['reasoning']].find(
    (field) => typeof field === 'string',
  ) as string | undefined;
  const details = Array.isArray(message['reasoning_details'])
    ? message['reasoning_details'].filter(isObject)
    : [];
  const proofs = details.filter((detail) => typeof detail['signature'] === 'string');
  const parts: Part[] = [];
  for (const detail of details) {
    if (typeof detail['data'] === 'string')
      parts.push({ type: 'reasoning', text: '', signature: null, sealed: detail['data'] });
    else if (typeof detail['signature'] === 'string') {
      // A proof without a text of its own proves the whole text, if there is but one: else nobody knows which part.
      const own =
        typeof detail['text'] === 'string' ? detail['text'] : proofs.length === 1 ? text : undefined;
      if (own !== undefined)
        parts.push({ type: 'reasoning', text: own, signature: detail['signature'], sealed: null });
    }
  }
  if (text && parts.every((part) => part.type === 'reasoning' && part.sealed !== null))
    parts.push({ type: 'reasoning', text, signature: null, sealed: null });
  return parts;
}

function parseContent(value: unknown, path: string): Part[] {
  if (typeof value === 'string') return [{ type: 'text', text: value }];
  if (value === null) return [];
  if (!Array.isArray(value)) throw invalidField(path, 'a string or an array of parts', value);
  return value.map((part, i) => parsePart(readObject(part, `${path}[${i}]`), `${path}[${i}]`));
}

function parsePart(part: JsonObject, path: string): Part {
  const type = readString(part['type'], `${path}.type`);
  const rest = withRest(part, new Set(['type', type]));
  switch (type) {
    case 'text':
      return { type: 'text', text: readString(part['text'], `${path}.text`), ...rest };
    case 'refusal':
      return { type: 'refusal', text: readString(part['refusal'], `${path}.refusal`) };
    case 'image_url': {
      const image = readObject(part['image_url'], `${path}.image_url`);
      const detail = optional(image['detail'], `${path}.image_url.detail`, readString);
      const source = parseMediaUrl(readString(image['url'], `${path}.image_url.url`));
      return { type: 'image', source, ...(detail === null || detail === 'auto' ? {} : { detail }), ...rest };
    }
    case 'input_audio': {
      const audio = readObject(part['input_audio'], `${path}.input_audio`);
      return {
        type: 'audio',
        data: readString(audio['data'], `${path}.input_audio.data`),
        format: readString(audio['format'], `${path}.input_audio.format`),
        ...rest,
      };
    }
    case 'file': {
      const file = readObject(part['file'], `${path}.file`);
      const name = optional(file['filename'], `${path}.file.filename`, readString);
      const source: MediaSource =
        typeof file['file_id'] === 'string'
          ? { kind: 'file', id: file['file_id'] }
          : parseFileData(readString(file['file_data'], `${path}.file.file_data`));
      return { type: 'document', source, ...(name === null ? {} : { name }), ...rest };
    }
    default:
      return { type: 'opaque', dialect: 'openai-chat', raw: part };
  }
}

/** RFC 2397, base64 only: what other forms there are pass as a URL. */
function parseMediaUrl(url: string): MediaSource {
  const match = /^data:([^;,]+)(?:;[^;,]+)*;base64,/.exec(url.slice(0, 256));
  if (!match) return { kind: 'url', url };
  return { kind: 'base64', mediaType: match[1]!, data: url.slice(match[0].length) };
}

/** A data URL, or base64 alone. */
function parseFileData(data: string): MediaSource {
  if (/^(?:data:|https?:)/.test(data.slice(0, 8))) return parseMediaUrl(data);
  return { kind: 'base64', mediaType: 'application/pdf', data };
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
  // Which of the tools is lost (see `rest`), whether one must be called is not.
  if (choice['type'] === 'allowed_tools') {
    const { mode } = readObject(choice['allowed_tools'] ?? choice, 'tool_choice.allowed_tools');
    return { type: mode === 'required' ? 'required' : 'auto' };
  }
  if (choice['type'] === 'custom') return null;
  throw invalidField('tool_choice', '"none", "auto", "required", a function or allowed tools', value);
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
