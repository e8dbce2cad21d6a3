import {
  BadRequest,
  ifPresent,
  requireArray,
  requireObject,
  requireOneOf,
  requireString,
  requireText,
} from './shape.ts';
import type { Json } from './shape.ts';
import type { Part, Turn } from './understood.ts';

const ROLES = ['developer', 'system', 'user', 'assistant', 'tool', 'function'] as const;

/**
 * Reads the message list: leading system text apart, tool messages as user turns.
 * @throws BadRequest for an unknown role or part and for tool calls and results that do not pair up.
 */
export function readTurns(messages: readonly unknown[]): { system: string[]; turns: Turn[] } {
  const system: string[] = [];
  const turns: Turn[] = [];
  const open = new Set<string>();
  messages.forEach((entry, index) => {
    const where = `messages[${index}]`;
    const message = requireObject(entry, where);
    const role = requireOneOf(message.role, `${where}.role`, ROLES);
    if (role === 'tool') {
      turns.push({ role: 'user', parts: [readToolMessage(message, where, open)] });
      return;
    }
    refuseUnanswered(open, where);
    if (role === 'system' || role === 'developer') {
      const parts = readContent(message.content, `${where}.content`, ['text']);
      if (turns.length === 0) system.push(...parts.map((part) => (part.type === 'text' ? part.text : '')));
      else turns.push({ role: 'system', parts });
    } else if (role === 'assistant') {
      turns.push({ role, parts: readAssistant(message, where, open) });
    } else {
      const allowed = role === 'user' ? ['text', 'image_url', 'input_audio', 'file'] : ['text'];
      turns.push({ role: 'user', parts: readContent(message.content, `${where}.content`, allowed) });
    }
  });
  refuseUnanswered(open, 'messages');
  return { system, turns };
}

function refuseUnanswered(open: ReadonlySet<string>, where: string): void {
  if (open.size === 0) return;
  throw new BadRequest(
    where,
    `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. ` +
      `The following tool_call_ids did not have response messages: ${[...open].join(', ')}`,
  );
}

function readToolMessage(message: Json, where: string, open: Set<string>): Part {
  const id = requireText(message.tool_call_id, `${where}.tool_call_id`);
  if (!open.delete(id)) {
    throw new BadRequest(
      `${where}.tool_call_id`,
      `Invalid parameter: messages with role 'tool' must be a response to a preceding message with 'tool_calls' (${id}).`,
    );
  }
  const parts = readContent(message.content, `${where}.content`, ['text']);
  const text = parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
  return { type: 'tool-result', id, text, isError: false, images: 0 };
}

function readAssistant(message: Json, where: string, open: Set<string>): Part[] {
  const parts: Part[] = [];
  if (typeof message.reasoning_content === 'string' && message.reasoning_content) {
    parts.push({ type: 'thinking', text: message.reasoning_content, signed: false });
  }
  const content = message.content;
  if (content !== undefined && content !== null) {
    parts.push(...readContent(content, `${where}.content`, ['text', 'refusal']));
  }
  ifPresent(message.refusal, (text) =>
    parts.push({ type: 'refusal', text: requireString(text, `${where}.refusal`) }),
  );
  ifPresent(message.tool_calls, (value) => {
    const calls = requireArray(value, `${where}.tool_calls`);
    if (calls.length === 0) {
      throw new BadRequest(
        `${where}.tool_calls`,
        `Invalid '${where}.tool_calls': empty array.`,
        'empty_array',
      );
    }
    calls.forEach((call, index) => parts.push(readToolCall(call, `${where}.tool_calls[${index}]`, open)));
  });
  const hasOther = message.tool_calls ?? message.function_call ?? message.refusal ?? message.audio;
  if ((content === undefined || content === null) && (hasOther === undefined || hasOther === null)) {
    throw new BadRequest(`${where}.content`, `Invalid value for 'content': expected a string, got null.`);
  }
  return parts;
}

function readToolCall(value: unknown, where: string, open: Set<string>): Part {
  const call = requireObject(value, where);
  const id = requireText(call.id, `${where}.id`);
  if (open.has(id)) throw new BadRequest(`${where}.id`, `Duplicate tool call id '${id}'.`);
  const kind = requireOneOf(call.type, `${where}.type`, ['function', 'custom']);
  const inner = requireObject(call[kind], `${where}.${kind}`);
  const name = requireText(inner.name, `${where}.${kind}.name`);
  open.add(id);
  if (kind === 'custom') {
    return { type: 'tool-call', id, name, arguments: requireString(inner.input, `${where}.custom.input`) };
  }
  const text = requireString(inner.arguments, `${where}.function.arguments`);
  return { type: 'tool-call', id, name, arguments: parseArguments(text) };
}

/** The vendor does not parse arguments; what is not JSON stays text. */
function parseArguments(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function readContent(content: unknown, where: string, allowed: readonly string[]): Part[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  const parts = requireArray(content, where);
  if (parts.length === 0) throw new BadRequest(where, `Invalid '${where}': empty array.`, 'empty_array');
  return parts.map((entry, index) => {
    const part = requireObject(entry, `${where}[${index}]`);
    return readPart(part, `${where}[${index}]`, requireOneOf(part.type, `${where}[${index}].type`, allowed));
  });
}

function readPart(part: Json, where: string, type: string): Part {
  if (type === 'text') return { type: 'text', text: requireString(part.text, `${where}.text`) };
  if (type === 'refusal') return { type: 'refusal', text: requireString(part.refusal, `${where}.refusal`) };
  if (type === 'image_url') return readImage(part, `${where}.image_url`);
  if (type === 'input_audio') {
    const audio = requireObject(part.input_audio, `${where}.input_audio`);
    requireText(audio.data, `${where}.input_audio.data`);
    return {
      type: 'audio',
      source: 'base64',
      mediaType: requireText(audio.format, `${where}.input_audio.format`),
    };
  }
  const file = requireObject(part.file, `${where}.file`);
  if (typeof file.file_id === 'string') return { type: 'file', source: 'file', name: file.file_id };
  const { mediaType } = splitDataUrl(
    requireText(file.file_data, `${where}.file.file_data`),
    `${where}.file.file_data`,
  );
  const name = ifPresent(file.filename, (value) => requireString(value, `${where}.file.filename`));
  return { type: 'file', source: 'base64', mediaType, name };
}

function readImage(part: Json, where: string): Part {
  const image = requireObject(part.image_url, where);
  const url = requireText(image.url, `${where}.url`);
  ifPresent(image.detail, (value) =>
    requireOneOf(value, `${where}.detail`, ['auto', 'low', 'high', 'original']),
  );
  if (/^https?:\/\//.test(url)) return { type: 'image', source: 'url', url };
  const { mediaType, bytes } = splitDataUrl(url, `${where}.url`);
  return { type: 'image', source: 'base64', mediaType, bytes };
}

function splitDataUrl(url: string, where: string): { mediaType: string; bytes: number } {
  const match = /^data:([a-z0-9.+-]+\/[a-z0-9.+-]+);base64,([A-Za-z0-9+/]+={0,2})$/.exec(url);
  if (!match) throw new BadRequest(where, `Invalid '${where}': neither an http(s) URL nor base64 data.`);
  return { mediaType: match[1] ?? '', bytes: Buffer.byteLength(match[2] ?? '', 'base64') };
}
