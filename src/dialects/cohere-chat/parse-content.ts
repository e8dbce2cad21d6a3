import type { JsonObject, MediaSource, Part } from '#core/call.ts';
import { invalidField, optional, readObject, readString, restOf } from '#core/read-json.ts';

export function parseContent(value: unknown, path: string): Part[] {
  if (typeof value === 'string') return [{ type: 'text', text: value }];
  if (!Array.isArray(value)) throw invalidField(path, 'a string or an array of parts', value);
  return value.map((part, i) => parsePart(readObject(part, `${path}[${i}]`), `${path}[${i}]`));
}

function parsePart(part: JsonObject, path: string): Part {
  const type = readString(part['type'], `${path}.type`);
  const rest = restOf(part, new Set(['type', type]));
  const more = rest ? { rest } : {};
  switch (type) {
    case 'text':
      return { type: 'text', text: readString(part['text'], `${path}.text`), ...more };
    case 'thinking':
      return {
        type: 'reasoning',
        text: readString(part['thinking'], `${path}.thinking`),
        signature: null,
        sealed: null,
      };
    case 'image_url': {
      const image = readObject(part['image_url'], `${path}.image_url`);
      const detail = optional(image['detail'], `${path}.image_url.detail`, readString);
      const source = parseMediaUrl(readString(image['url'], `${path}.image_url.url`));
      return { type: 'image', source, ...(detail === null || detail === 'auto' ? {} : { detail }), ...more };
    }
    case 'document':
      return parseDocument(readObject(part['document'], `${path}.document`));
    default:
      return { type: 'opaque', dialect: 'cohere-chat', raw: part };
  }
}

/** What a tool gave, as data with names: as text it is the same to any model. Its id, for citing it, is only here. */
function parseDocument(document: JsonObject): Part {
  const { data, id } = document;
  return {
    type: 'text',
    text: typeof data === 'string' ? data : JSON.stringify(data ?? {}),
    ...(typeof id === 'string' ? { rest: { 'document.id': id } } : {}),
  };
}

/** RFC 2397, base64 only: what other forms there are pass as a URL. */
function parseMediaUrl(url: string): MediaSource {
  const match = /^data:([^;,]+)(?:;[^;,]+)*;base64,/.exec(url.slice(0, 256));
  if (!match) return { kind: 'url', url };
  return { kind: 'base64', mediaType: match[1]!, data: url.slice(match[0].length) };
}
