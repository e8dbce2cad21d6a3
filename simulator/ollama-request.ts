import {
  BadRequest,
  ifPresent,
  isObject,
  listWords,
  requireArray,
  requireBoolean,
  requireInteger,
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
import { refuseKeys } from './vendor-call.ts';

const KNOWN = new Set(
  listWords(
    'model messages stream format keep_alive tools think logprobs top_logprobs options truncate shift',
  ),
);
/** Other vendors' words. The server passes over them; here they mean that a request was not translated. */
const FOREIGN = new Set(
  listWords(`
  max_tokens max_completion_tokens temperature top_p top_k seed stop stop_sequences n response_format tool_choice
  parallel_tool_calls reasoning_effort thinking system user stream_options output_config metadata
`),
);
const NUMBERS = listWords('temperature top_p min_p repeat_penalty presence_penalty frequency_penalty');
const INTEGERS = listWords('num_predict num_ctx top_k seed');

/**
 * Reads a chat request as the server does, but for what it would pass over.
 * @throws BadRequest for everything that is refused.
 */
export function readOllamaRequest(body: Json, script: Script): Understood {
  refuseKeys(body, script, { known: KNOWN, foreign: FOREIGN });
  const options = ifPresent(body.options, (value) => requireObject(value, 'options')) ?? {};
  for (const name of NUMBERS)
    ifPresent(options[name], (value) => requireNumber(value, `options.${name}`, [-2, 1e9]));
  for (const name of INTEGERS)
    ifPresent(options[name], (value) => requireInteger(value, `options.${name}`, [-2, 2 ** 53]));
  const stop = ifPresent(options.stop, (value) => requireArray(value, 'options.stop')) ?? [];
  const { system, turns } = readMessages(requireArray(body.messages ?? [], 'messages'));
  const merged = mergeTurns(turns);
  const cap = options.num_predict;
  return {
    vendor: 'ollama',
    model: requireText(body.model, 'model'),
    stream: ifPresent(body.stream, (value) => requireBoolean(value, 'stream')) ?? true,
    system,
    turns: merged,
    images: countImages(merged),
    tools: readTools(body.tools),
    toolChoice: null,
    parallelTools: null,
    responseFormat: readFormat(body.format),
    stop: stop.map((word, index) => requireString(word, `options.stop[${index}]`)),
    maxTokens: typeof cap === 'number' && cap >= 0 ? cap : null,
    choices: 1,
    sampling: Object.fromEntries(
      Object.entries(options).filter(([name]) => name !== 'stop' && name !== 'num_predict'),
    ),
    reasoning: readThink(body.think),
    user: null,
    cacheBreakpoints: 0,
    includeUsage: true,
    otherKeys: Object.keys(body).filter((key) => !KNOWN.has(key)),
  };
}

function readThink(value: unknown): Json | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'boolean') return { enabled: value };
  return { effort: requireOneOf(value, 'think', ['high', 'medium', 'low']) };
}

function readFormat(value: unknown): Understood['responseFormat'] {
  if (value === undefined || value === null || value === '') return null;
  if (isObject(value)) return { type: 'json_schema', schema: value };
  if (value === 'json') return { type: 'json_object' };
  throw new BadRequest(
    'format',
    `invalid format: ${JSON.stringify(value)}; expected "json" or a JSON schema`,
  );
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
      name: requireText(fn.name, `${where}.function.name`),
      description: fn.description,
      schema: requireObject(fn.parameters, `${where}.function.parameters`),
    };
  });
}

function readMessages(messages: readonly unknown[]): { system: string[]; turns: Turn[] } {
  const system: string[] = [];
  const turns: Turn[] = [];
  let calls = 0;
  messages.forEach((entry, index) => {
    const where = `messages[${index}]`;
    const message = requireObject(entry, where);
    const role = requireOneOf(message.role, `${where}.role`, ['system', 'user', 'assistant', 'tool']);
    const text = requireString(message.content ?? '', `${where}.content`);
    if (role === 'tool') {
      const id = String(message.tool_call_id ?? message.tool_name ?? '');
      turns.push({ role: 'user', parts: [{ type: 'tool-result', id, text, isError: false, images: 0 }] });
      return;
    }
    if (role === 'system' && turns.length === 0) {
      system.push(text);
      return;
    }
    const parts: Part[] = text === '' ? [] : [{ type: 'text', text }];
    const thinking = ifPresent(message.thinking, (value) => requireString(value, `${where}.thinking`));
    if (thinking) parts.unshift({ type: 'thinking', text: thinking, signed: false });
    for (const image of requireArray(message.images ?? [], `${where}.images`))
      parts.push(readImage(image, where));
    for (const call of requireArray(message.tool_calls ?? [], `${where}.tool_calls`)) {
      const given = requireObject(call, `${where}.tool_calls`);
      const fn = requireObject(given.function, `${where}.tool_calls.function`);
      parts.push({
        type: 'tool-call',
        id: typeof given.id === 'string' ? given.id : `call_${calls}`,
        name: requireText(fn.name, `${where}.tool_calls.function.name`),
        arguments: requireObject(fn.arguments, `${where}.tool_calls.function.arguments`),
      });
      calls++;
    }
    turns.push({ role, parts });
  });
  return { system, turns };
}

function readImage(value: unknown, where: string): Part {
  const data = requireText(value, `${where}.images`);
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(data))
    throw new BadRequest(`${where}.images`, 'illegal base64 data at input byte 0');
  return { type: 'image', source: 'base64', bytes: Buffer.byteLength(data, 'base64') };
}
