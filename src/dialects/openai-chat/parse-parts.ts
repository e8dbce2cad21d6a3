import type { CacheMarker, JsonObject, MediaSource, Part } from '#core/call.ts';
import { invalidField, isObject, optional, readObject, readString, restOf } from '#core/read-json.ts';

/** The fields without a word, to be spread beside those that have one. */
export function withRest(value: JsonObject, fields: ReadonlySet<string>): { rest?: JsonObject } {
  const rest = restOf(value, fields);
  return rest ? { rest } : {};
}

/**
 * Reasoning as this dialect's clients echo it: readable text in `reasoning_content`, proof and sealed state, entry by
 * entry, in `reasoning_details`.
 */
export function parseReasoning(message: JsonObject): Part[] {
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

export function parseContent(value: unknown, path: string): Part[] {
  if (typeof value === 'string') return [{ type: 'text', text: value }];
  if (value === null) return [];
  if (!Array.isArray(value)) throw invalidField(path, 'a string or an array of parts', value);
  return value.map((part, i) => parsePart(readObject(part, `${path}[${i}]`), `${path}[${i}]`));
}

function parsePart(part: JsonObject, path: string): Part {
  const type = readString(part['type'], `${path}.type`);
  const rest = { ...cacheOf(part), ...withRest(part, new Set(['type', type, 'prompt_cache_breakpoint'])) };
  switch (type) {
    case 'text':
      return { type: 'text', text: readString(part['text'], `${path}.text`), ...rest };
    case 'thinking':
      return { type: 'reasoning', text: thinkingOf(part, path), signature: null, sealed: null };
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
    case 'video_url': {
      const video = readObject(part['video_url'], `${path}.video_url`);
      const source = parseMediaUrl(readString(video['url'], `${path}.video_url.url`));
      return { type: 'video', source, ...withRest(part, new Set(['type', type])) };
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

/** Reasoning as a part of the content, in pieces of text. https://docs.mistral.ai/capabilities/reasoning */
function thinkingOf(part: JsonObject, path: string): string {
  const pieces = Array.isArray(part['thinking']) ? part['thinking'] : [part['thinking']];
  return pieces
    .map((piece, i) =>
      typeof piece === 'string'
        ? piece
        : readString(
            readObject(piece, `${path}.thinking[${i}]`)['text'] ?? '',
            `${path}.thinking[${i}].text`,
          ),
    )
    .join('');
}

/** https://platform.openai.com/docs/guides/prompt-caching */
function cacheOf(part: JsonObject): { cache?: CacheMarker } {
  const breakpoint = part['prompt_cache_breakpoint'];
  if (!isObject(breakpoint)) return {};
  return { cache: { ttl: typeof breakpoint['ttl'] === 'string' ? breakpoint['ttl'] : null } };
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
