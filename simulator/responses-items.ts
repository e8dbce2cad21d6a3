import {
  BadRequest,
  ifPresent,
  requireArray,
  requireObject,
  requireOneOf,
  requireString,
  requireText,
} from './shape.ts';
import type { Script } from './script.ts';
import type { Json } from './shape.ts';
import { isOwnRedaction, isOwnSignature } from './signature.ts';
import type { Part, Turn } from './understood.ts';

const IN = ['input_text', 'input_image', 'input_file'];
const SAID = ['output_text', 'refusal'];

/**
 * Reads a text or the items of a history: leading system text apart, results of tools as the user's.
 * @throws BadRequest for an unknown role or part, and for results whose call is not there.
 */
export function readItems(input: unknown, script: Script): { system: string[]; turns: Turn[] } {
  if (typeof input === 'string')
    return { system: [], turns: [{ role: 'user', parts: [{ type: 'text', text: input }] }] };
  const items = requireArray(input, 'input');
  const system: string[] = [];
  const turns: Turn[] = [];
  const open = new Set<string>();
  items.forEach((entry, index) => {
    const where = `input[${index}]`;
    const item = requireObject(entry, where);
    switch (item.type) {
      case undefined:
      case 'message': {
        const role = requireOneOf(item.role, `${where}.role`, ['system', 'developer', 'user', 'assistant']);
        const parts = readContent(item.content, `${where}.content`, role === 'assistant' ? SAID : IN);
        const isSystem = role === 'system' || role === 'developer';
        if (isSystem && turns.length === 0) system.push(...parts.map(textOf));
        else turns.push({ role: isSystem ? 'system' : role, parts });
        return;
      }
      case 'function_call': {
        const id = requireText(item.call_id, `${where}.call_id`);
        open.add(id);
        const name = requireText(item.name, `${where}.name`);
        const text = requireString(item.arguments, `${where}.arguments`);
        turns.push({
          role: 'assistant',
          parts: [{ type: 'tool-call', id, name, arguments: parseLoosely(text) }],
        });
        return;
      }
      case 'function_call_output':
        turns.push({ role: 'user', parts: [readResult(item, where, open)] });
        return;
      case 'reasoning':
        turns.push({ role: 'assistant', parts: [readReasoning(item, where, script)] });
        return;
      default:
        turns.push({ role: 'assistant', parts: [{ type: 'other', kind: String(item.type) }] });
    }
  });
  if (open.size > 0)
    throw new BadRequest('input', `No tool output found for function call ${[...open].join(', ')}.`);
  return { system, turns };
}

const textOf = (part: Part): string => (part.type === 'text' ? part.text : '');

function parseLoosely(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function readResult(item: Json, where: string, open: Set<string>): Part {
  const id = requireText(item.call_id, `${where}.call_id`);
  if (!open.delete(id))
    throw new BadRequest(where, `No tool call found for function call output with call_id ${id}.`);
  const parts = readContent(item.output, `${where}.output`, IN);
  const images = parts.filter(({ type }) => type === 'image').length;
  return { type: 'tool-result', id, text: parts.map(textOf).join(''), isError: false, images };
}

/** Encrypted state is the vendor's own, or nothing. */
function readReasoning(item: Json, where: string, script: Script): Part {
  const summary = requireArray(item.summary, `${where}.summary`).map((piece, at) =>
    requireString(requireObject(piece, `${where}.summary[${at}]`).text, `${where}.summary[${at}].text`),
  );
  const text = summary.join('');
  const state = ifPresent(item.encrypted_content, (value) =>
    requireText(value, `${where}.encrypted_content`),
  );
  if (state === undefined) return { type: 'thinking', text, signed: false };
  if (isOwnRedaction(state)) return { type: 'redacted-thinking' };
  if (script.anySignature || isOwnSignature(text, state)) return { type: 'thinking', text, signed: true };
  throw new BadRequest(
    `${where}.encrypted_content`,
    'The encrypted content could not be verified.',
    'invalid_encrypted_content',
  );
}

function readContent(content: unknown, where: string, allowed: readonly string[]): Part[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return requireArray(content, where).map((entry, index) => {
    const at = `${where}[${index}]`;
    const part = requireObject(entry, at);
    const type = requireOneOf(part.type, `${at}.type`, allowed);
    switch (type) {
      case 'refusal':
        return { type: 'refusal', text: requireString(part.refusal, `${at}.refusal`) };
      case 'input_image':
        return readImage(part, at);
      case 'input_file':
        return readFile(part, at);
      default:
        return { type: 'text', text: requireString(part.text, `${at}.text`) };
    }
  });
}

function readImage(part: Json, where: string): Part {
  ifPresent(part.detail, (detail) =>
    requireOneOf(detail, `${where}.detail`, ['auto', 'low', 'high', 'original']),
  );
  if (typeof part.file_id === 'string') return { type: 'image', source: 'file' };
  const url = requireText(part.image_url, `${where}.image_url`);
  if (/^https?:\/\//.test(url)) return { type: 'image', source: 'url', url };
  const { mediaType, bytes } = splitDataUrl(url, `${where}.image_url`);
  return { type: 'image', source: 'base64', mediaType, bytes };
}

function readFile(part: Json, where: string): Part {
  if (typeof part.file_id === 'string') return { type: 'file', source: 'file', name: part.file_id };
  if (typeof part.file_url === 'string') return { type: 'file', source: 'url' };
  const { mediaType } = splitDataUrl(requireText(part.file_data, `${where}.file_data`), `${where}.file_data`);
  return {
    type: 'file',
    source: 'base64',
    mediaType,
    name: requireString(part.filename, `${where}.filename`),
  };
}

function splitDataUrl(url: string, where: string): { mediaType: string; bytes: number } {
  const match = /^data:([a-z0-9.+-]+\/[a-z0-9.+-]+);base64,([A-Za-z0-9+/]+={0,2})$/.exec(url);
  if (!match) throw new BadRequest(where, `Invalid '${where}': neither an http(s) URL nor base64 data.`);
  return { mediaType: match[1] ?? '', bytes: Buffer.byteLength(match[2] ?? '', 'base64') };
}
