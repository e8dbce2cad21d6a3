import {
  BadRequest,
  ifPresent,
  listWords,
  requireArray,
  requireBoolean,
  requireInteger,
  requireMatch,
  requireNumber,
  requireObject,
  requireOneOf,
  requireString,
  requireText,
} from './shape.ts';
import type { Json } from './shape.ts';
import type { Script } from './script.ts';
import { countImages, mergeTurns } from './understood.ts';
import type { Part, Turn, Understood, UnderstoodTool } from './understood.ts';

const SAMPLING = listWords('temperature p k seed frequency_penalty presence_penalty logprobs');
const KNOWN = new Set([
  ...SAMPLING,
  ...listWords(`
  model messages stream tools tool_choice strict_tools documents citation_options response_format safety_mode max_tokens
  stop_sequences thinking priority raw_prompting
`),
]);

/**
 * Reads a chat request as the vendor does: it refuses every word that it does not know.
 * @throws BadRequest
 */
export function readCohereRequest(body: Json, _script: Script): Understood {
  for (const key of Object.keys(body))
    if (!KNOWN.has(key)) throw new BadRequest(key, `unknown field: parameter '${key}' is not a valid field`);
  const messages = requireArray(body.messages, 'messages');
  if (messages.length === 0) throw new BadRequest('messages', 'invalid request: messages must not be empty');
  const tools = readTools(body.tools);
  const { system, turns } = readMessages(messages);
  const merged = mergeTurns(turns);
  const stop = ifPresent(body.stop_sequences, (value) => requireArray(value, 'stop_sequences')) ?? [];
  if (stop.length > 5)
    throw new BadRequest('stop_sequences', 'invalid request: at most 5 stop sequences are allowed');
  ifPresent(body.strict_tools, (value) => requireBoolean(value, 'strict_tools'));
  return {
    vendor: 'cohere',
    model: requireText(body.model, 'model'),
    stream: ifPresent(body.stream, (value) => requireBoolean(value, 'stream')) ?? false,
    system,
    turns: merged,
    images: countImages(merged),
    tools: tools.map((tool) => ({ ...tool, strict: body.strict_tools })),
    toolChoice: readToolChoice(body, tools),
    parallelTools: null,
    responseFormat: readFormat(body.response_format, tools),
    stop: stop.map((word, index) => requireText(word, `stop_sequences[${index}]`)),
    maxTokens: ifPresent(body.max_tokens, (value) => requireInteger(value, 'max_tokens', [1, 1e9])) ?? null,
    choices: 1,
    sampling: readSampling(body),
    reasoning: readThinking(body.thinking),
    user: null,
    cacheBreakpoints: 0,
    includeUsage: true,
    otherKeys: [],
  };
}

function readSampling(body: Json): Json {
  ifPresent(body.temperature, (value) => requireNumber(value, 'temperature', [0, 5]));
  ifPresent(body.p, (value) => requireNumber(value, 'p', [0.01, 0.99]));
  ifPresent(body.k, (value) => requireNumber(value, 'k', [0, 500]));
  ifPresent(body.seed, (value) => requireInteger(value, 'seed', [0, 2 ** 64]));
  ifPresent(body.frequency_penalty, (value) => requireNumber(value, 'frequency_penalty', [0, 1]));
  ifPresent(body.presence_penalty, (value) => requireNumber(value, 'presence_penalty', [0, 1]));
  ifPresent(body.logprobs, (value) => requireBoolean(value, 'logprobs'));
  return Object.fromEntries(SAMPLING.filter((key) => key in body).map((key) => [key, body[key]]));
}

function readThinking(value: unknown): Json | null {
  if (value === undefined || value === null) return null;
  const thinking = requireObject(value, 'thinking');
  requireOneOf(thinking.type, 'thinking.type', ['enabled', 'disabled']);
  ifPresent(thinking.token_budget, (budget) => requireInteger(budget, 'thinking.token_budget', [1, 1e9]));
  return thinking;
}

function readTools(value: unknown): UnderstoodTool[] {
  const tools = ifPresent(value, (present) => requireArray(present, 'tools')) ?? [];
  return tools.map((entry, index) => {
    const where = `tools[${index}]`;
    const tool = requireObject(entry, where);
    requireOneOf(tool.type, `${where}.type`, ['function']);
    const fn = requireObject(tool.function, `${where}.function`);
    return {
      kind: 'function',
      name: requireMatch(fn.name, `${where}.function.name`, /^[a-zA-Z0-9_-]+$/),
      description: ifPresent(fn.description, (text) => requireString(text, `${where}.function.description`)),
      schema: requireObject(fn.parameters, `${where}.function.parameters`),
    };
  });
}

function readToolChoice(body: Json, tools: readonly UnderstoodTool[]): Understood['toolChoice'] {
  if (body.tool_choice === undefined || body.tool_choice === null) return null;
  const choice = requireOneOf(body.tool_choice, 'tool_choice', ['REQUIRED', 'NONE']);
  if (tools.length === 0) throw new BadRequest('tool_choice', 'invalid request: tool_choice requires tools');
  return { mode: choice === 'REQUIRED' ? 'required' : 'none' };
}

function readFormat(value: unknown, tools: readonly UnderstoodTool[]): Understood['responseFormat'] {
  if (value === undefined || value === null) return null;
  const format = requireObject(value, 'response_format');
  const type = requireOneOf(format.type, 'response_format.type', ['text', 'json_object']);
  if (type === 'text') return { type };
  if (tools.length > 0)
    throw new BadRequest('response_format', 'invalid request: response_format is not supported with tools');
  const schema = ifPresent(format.json_schema, (given) =>
    requireObject(given, 'response_format.json_schema'),
  );
  return schema ? { type: 'json_schema', schema } : { type };
}

function readMessages(messages: readonly unknown[]): { system: string[]; turns: Turn[] } {
  const system: string[] = [];
  const turns: Turn[] = [];
  const open = new Set<string>();
  messages.forEach((entry, index) => {
    const where = `messages[${index}]`;
    const message = requireObject(entry, where);
    const role = requireOneOf(message.role, `${where}.role`, ['system', 'user', 'assistant', 'tool']);
    if (role === 'tool') {
      const id = requireText(message.tool_call_id, `${where}.tool_call_id`);
      if (!open.delete(id)) throw new BadRequest(where, `invalid request: tool_call_id '${id}' is not known`);
      const text = textOf(readContent(message.content, `${where}.content`, ['text', 'document']));
      turns.push({ role: 'user', parts: [{ type: 'tool-result', id, text, isError: false, images: 0 }] });
      return;
    }
    if (open.size > 0)
      throw new BadRequest(where, `invalid request: no results for the tool calls ${[...open].join(', ')}`);
    if (role === 'assistant') {
      turns.push({ role, parts: readAssistant(message, where, open) });
      return;
    }
    const allowed = role === 'user' ? ['text', 'image_url'] : ['text'];
    const parts = readContent(message.content, `${where}.content`, allowed);
    if (role === 'system' && turns.length === 0) system.push(textOf(parts));
    else turns.push({ role, parts });
  });
  if (open.size > 0)
    throw new BadRequest(
      'messages',
      `invalid request: no results for the tool calls ${[...open].join(', ')}`,
    );
  return { system, turns };
}

function readAssistant(message: Json, where: string, open: Set<string>): Part[] {
  const parts: Part[] =
    ifPresent(message.content, (content) => readContent(content, `${where}.content`, ['text', 'thinking'])) ??
    [];
  const plan = ifPresent(message.tool_plan, (text) => requireString(text, `${where}.tool_plan`));
  if (plan) parts.push({ type: 'text', text: plan });
  const calls = ifPresent(message.tool_calls, (value) => requireArray(value, `${where}.tool_calls`)) ?? [];
  if (parts.length === 0 && calls.length === 0)
    throw new BadRequest(where, 'invalid request: an assistant message needs content or tool calls');
  calls.forEach((entry, at) => {
    const path = `${where}.tool_calls[${at}]`;
    const call = requireObject(entry, path);
    const id = requireText(call.id, `${path}.id`);
    requireOneOf(call.type, `${path}.type`, ['function']);
    const fn = requireObject(call.function, `${path}.function`);
    open.add(id);
    const text = requireString(fn.arguments, `${path}.function.arguments`);
    parts.push({
      type: 'tool-call',
      id,
      name: requireText(fn.name, `${path}.function.name`),
      arguments: parseLoosely(text),
    });
  });
  return parts;
}

function parseLoosely(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const textOf = (parts: readonly Part[]): string =>
  parts.map((part) => (part.type === 'text' ? part.text : '')).join('');

function readContent(content: unknown, where: string, allowed: readonly string[]): Part[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  const parts = requireArray(content, where);
  if (parts.length === 0) throw new BadRequest(where, `invalid request: ${where} must not be empty`);
  return parts.map((entry, index): Part => {
    const at = `${where}[${index}]`;
    const part = requireObject(entry, at);
    switch (requireOneOf(part.type, `${at}.type`, allowed)) {
      case 'thinking':
        return { type: 'thinking', text: requireString(part.thinking, `${at}.thinking`), signed: false };
      case 'image_url':
        return readImage(requireObject(part.image_url, `${at}.image_url`), `${at}.image_url`);
      case 'document': {
        const document = requireObject(part.document, `${at}.document`);
        return { type: 'text', text: JSON.stringify(document.data ?? null) };
      }
      default:
        return { type: 'text', text: requireString(part.text, `${at}.text`) };
    }
  });
}

function readImage(image: Json, where: string): Part {
  const url = requireText(image.url, `${where}.url`);
  ifPresent(image.detail, (value) => requireOneOf(value, `${where}.detail`, ['auto', 'low', 'high']));
  if (/^https?:\/\//.test(url)) return { type: 'image', source: 'url', url };
  const match = /^data:(image\/(?:png|jpeg|webp|gif));base64,([A-Za-z0-9+/]+={0,2})$/.exec(url);
  if (!match)
    throw new BadRequest(
      `${where}.url`,
      'invalid request: image_url must be an http(s) or a base64 data URL',
    );
  return {
    type: 'image',
    source: 'base64',
    mediaType: match[1] ?? '',
    bytes: Buffer.byteLength(match[2] ?? '', 'base64'),
  };
}
