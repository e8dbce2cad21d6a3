import type { CacheMarker, JsonObject, Part } from '#core/call.ts';
import { fromBytes } from '#core/opaque-state.ts';
import { isObject, optional, readArray, readObject, readString, restOf } from '#core/read-json.ts';
import { documentType, imageType, videoType } from './formats.ts';

/** Blocks of a message. A point for caching is a block of its own here, and marks the one before it. */
export function parseContent(value: unknown, path: string): Part[] {
  const parts: Part[] = [];
  for (const [i, given] of readArray(value, path).entries()) {
    const block = readObject(given, `${path}[${i}]`);
    const cache = cacheOf(block);
    if (!cache) {
      parts.push(parseBlock(block, `${path}[${i}]`));
      continue;
    }
    const last = parts.at(-1);
    if (last && markable.has(last.type)) parts[parts.length - 1] = { ...last, cache } as Part;
  }
  return parts;
}

const markable = new Set<Part['type']>(['text', 'image', 'document', 'tool-call', 'tool-result']);

export function cacheOf(block: JsonObject): CacheMarker | null {
  const point = block['cachePoint'];
  if (!isObject(point)) return null;
  return { ttl: typeof point['ttl'] === 'string' ? point['ttl'] : null };
}

const opaque = (raw: JsonObject): Part => ({ type: 'opaque', dialect: 'bedrock-converse', raw });

function parseBlock(block: JsonObject, path: string): Part {
  if (block['text'] !== undefined) return { type: 'text', text: readString(block['text'], `${path}.text`) };
  if (isObject(block['image'])) return parseImage(block['image'], block);
  if (isObject(block['document'])) return parseDocument(block['document'], block, `${path}.document`);
  if (isObject(block['video'])) {
    const { format, source } = block['video'];
    const data = bytesOf(source);
    if (data === null) return opaque(block);
    return { type: 'video', source: { kind: 'base64', mediaType: videoType(String(format)), data } };
  }
  if (isObject(block['audio'])) {
    const { format, source } = block['audio'];
    const data = bytesOf(source);
    return data === null ? opaque(block) : { type: 'audio', format: String(format), data };
  }
  if (block['toolUse'] !== undefined) {
    const call = readObject(block['toolUse'], `${path}.toolUse`);
    return {
      type: 'tool-call',
      id: readString(call['toolUseId'], `${path}.toolUse.toolUseId`),
      name: readString(call['name'], `${path}.toolUse.name`),
      arguments: JSON.stringify(call['input'] ?? {}),
    };
  }
  if (block['toolResult'] !== undefined)
    return parseResult(readObject(block['toolResult'], `${path}.toolResult`), `${path}.toolResult`);
  if (isObject(block['reasoningContent'])) return parseReasoning(block['reasoningContent'], block);
  if (isObject(block['citationsContent'])) {
    const content = block['citationsContent']['content'];
    const texts = Array.isArray(content) ? content.filter(isObject) : [];
    return { type: 'text', text: texts.map(({ text }) => String(text ?? '')).join('') };
  }
  return opaque(block);
}

const bytesOf = (source: unknown): string | null =>
  isObject(source) && typeof source['bytes'] === 'string' ? source['bytes'] : null;

function parseImage({ format, source }: JsonObject, block: JsonObject): Part {
  const data = bytesOf(source);
  if (data === null) return opaque(block);
  return { type: 'image', source: { kind: 'base64', mediaType: imageType(String(format)), data } };
}

function parseDocument(document: JsonObject, block: JsonObject, path: string): Part {
  const { format, source } = document;
  const text = isObject(source) && typeof source['text'] === 'string' ? source['text'] : null;
  const data = text === null ? bytesOf(source) : Buffer.from(text).toString('base64');
  if (data === null) return opaque(block);
  const name = optional(document['name'], `${path}.name`, readString);
  const rest = restOf(document, new Set(['format', 'name', 'source']));
  const mediaType = text === null ? documentType(String(format)) : 'text/plain';
  return {
    type: 'document',
    source: { kind: 'base64', mediaType, data },
    ...(name === null ? {} : { name }),
    ...(rest ? { rest } : {}),
  };
}

/** What is JSON in a result is text in neutral words. */
function parseResult(result: JsonObject, path: string): Part {
  const content = readArray(result['content'] ?? [], `${path}.content`).map((given, i) => {
    const block = readObject(given, `${path}.content[${i}]`);
    return block['json'] === undefined ? block : { text: JSON.stringify(block['json']) };
  });
  return {
    type: 'tool-result',
    callId: readString(result['toolUseId'], `${path}.toolUseId`),
    parts: parseContent(content, `${path}.content`),
    isError: result['status'] === 'error',
  };
}

function parseReasoning(content: JsonObject, block: JsonObject): Part {
  const sealed = content['redactedContent'];
  if (typeof sealed === 'string')
    return { type: 'reasoning', text: '', signature: null, sealed: fromBytes(sealed) };
  const said = content['reasoningText'];
  if (!isObject(said)) return opaque(block);
  return {
    type: 'reasoning',
    text: typeof said['text'] === 'string' ? said['text'] : '',
    signature: typeof said['signature'] === 'string' && said['signature'] !== '' ? said['signature'] : null,
    sealed: null,
  };
}
