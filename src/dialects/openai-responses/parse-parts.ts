import type { CacheMarker, JsonObject, MediaSource, Part } from '#core/call.ts';
import { invalidField, isObject, optional, readObject, readString, restOf } from '#core/read-json.ts';

/** The fields without a word, to be spread beside those that have one. */
export function withRest(value: JsonObject, fields: readonly string[]): { rest?: JsonObject } {
  const rest = restOf(value, new Set(fields));
  return rest ? { rest } : {};
}

/** A text, or parts. https://platform.openai.com/docs/api-reference/responses/create#responses-create-input */
export function parseContent(value: unknown, path: string): Part[] {
  if (typeof value === 'string') return [{ type: 'text', text: value }];
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) throw invalidField(path, 'a string or an array of parts', value);
  return value.map((part, i) => parsePart(readObject(part, `${path}[${i}]`), `${path}[${i}]`));
}

function parsePart(part: JsonObject, path: string): Part {
  const type = readString(part['type'], `${path}.type`);
  const cache = cacheOf(part);
  const rest = (...fields: string[]) => withRest(part, ['type', 'prompt_cache_breakpoint', ...fields]);
  switch (type) {
    case 'input_text':
    case 'text':
      return { type: 'text', text: readString(part['text'], `${path}.text`), ...cache, ...rest('text') };
    case 'output_text':
      // Citations and probabilities of an earlier answer are no part of what is asked.
      return { type: 'text', text: readString(part['text'], `${path}.text`), ...cache };
    case 'refusal':
      return { type: 'refusal', text: readString(part['refusal'], `${path}.refusal`) };
    case 'input_image': {
      const detail = optional(part['detail'], `${path}.detail`, readString);
      const source: MediaSource =
        typeof part['file_id'] === 'string'
          ? { kind: 'file', id: part['file_id'] }
          : parseMediaUrl(readString(part['image_url'], `${path}.image_url`));
      return {
        type: 'image',
        source,
        ...(detail === null || detail === 'auto' ? {} : { detail }),
        ...cache,
        ...rest('image_url', 'file_id', 'detail'),
      };
    }
    case 'input_audio': {
      const audio = readObject(part['input_audio'], `${path}.input_audio`);
      return {
        type: 'audio',
        data: readString(audio['data'], `${path}.input_audio.data`),
        format: readString(audio['format'], `${path}.input_audio.format`),
        ...rest('input_audio'),
      };
    }
    case 'input_file': {
      const name = optional(part['filename'], `${path}.filename`, readString);
      return {
        type: 'document',
        source: parseFile(part, path),
        ...(name === null ? {} : { name }),
        ...cache,
        ...rest('filename', 'file_data', 'file_id', 'file_url'),
      };
    }
    default:
      return { type: 'opaque', dialect: 'openai-responses', raw: part };
  }
}

/** https://platform.openai.com/docs/guides/prompt-caching */
function cacheOf(part: JsonObject): { cache?: CacheMarker } {
  const breakpoint = part['prompt_cache_breakpoint'];
  if (!isObject(breakpoint)) return {};
  return { cache: { ttl: typeof breakpoint['ttl'] === 'string' ? breakpoint['ttl'] : null } };
}

function parseFile(part: JsonObject, path: string): MediaSource {
  if (typeof part['file_id'] === 'string') return { kind: 'file', id: part['file_id'] };
  if (typeof part['file_url'] === 'string') return { kind: 'url', url: part['file_url'] };
  const data = readString(part['file_data'], `${path}.file_data`);
  // A data URL, or base64 alone.
  if (data.startsWith('data:')) return parseMediaUrl(data);
  return { kind: 'base64', mediaType: 'application/pdf', data };
}

/** RFC 2397, base64 only: what other forms there are pass as a URL. */
function parseMediaUrl(url: string): MediaSource {
  const match = /^data:([^;,]+)(?:;[^;,]+)*;base64,/.exec(url.slice(0, 256));
  if (!match) return { kind: 'url', url };
  return { kind: 'base64', mediaType: match[1]!, data: url.slice(match[0].length) };
}

/** Pieces of a summary, or of reasoning in full, as one text. */
export function reasoningText(item: JsonObject): string {
  const texts = (value: unknown) =>
    (Array.isArray(value) ? value : []).flatMap((piece: unknown) =>
      isObject(piece) && typeof piece['text'] === 'string' ? [piece['text']] : [],
    );
  const summary = texts(item['summary']);
  return (summary.length > 0 ? summary : texts(item['content'])).join('\n\n');
}
