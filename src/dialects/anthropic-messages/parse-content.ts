import type { CacheMarker, JsonObject, MediaSource, Part } from '#core/call.ts';
import {
  invalidField,
  isObject,
  optional,
  readBoolean,
  readObject,
  readString,
  restOf,
} from '#core/read-json.ts';

/** A text, or blocks. https://docs.anthropic.com/en/api/messages#body-messages-content */
export function parseContent(value: unknown, path: string): Part[] {
  if (typeof value === 'string') return [{ type: 'text', text: value }];
  if (!Array.isArray(value)) throw invalidField(path, 'a string or an array of blocks', value);
  return value.map((block, i) => parseBlock(readObject(block, `${path}[${i}]`), `${path}[${i}]`));
}

export function withRest(value: JsonObject, fields: readonly string[]): { rest?: JsonObject } {
  const rest = restOf(value, new Set(fields));
  return rest ? { rest } : {};
}

function parseBlock(block: JsonObject, path: string): Part {
  const type = readString(block['type'], `${path}.type`);
  switch (type) {
    case 'text':
      return {
        type: 'text',
        text: readString(block['text'], `${path}.text`),
        ...cacheOf(block),
        ...withRest(block, ['type', 'text', 'cache_control']),
      };
    case 'image':
      return {
        type: 'image',
        source: parseSource(block['source'], `${path}.source`),
        ...cacheOf(block),
        ...withRest(block, ['type', 'source', 'cache_control']),
      };
    case 'document': {
      const name = optional(block['title'], `${path}.title`, readString);
      const source = readObject(block['source'], `${path}.source`);
      if (source['type'] === 'content') return { type: 'opaque', dialect: 'anthropic-messages', raw: block };
      return {
        type: 'document',
        source: parseSource(source, `${path}.source`),
        ...(name === null ? {} : { name }),
        ...cacheOf(block),
        ...withRest(block, ['type', 'source', 'title', 'cache_control']),
      };
    }
    case 'thinking': {
      const signature = optional(block['signature'], `${path}.signature`, readString);
      return {
        type: 'reasoning',
        text: readString(block['thinking'], `${path}.thinking`),
        signature: signature || null,
        sealed: null,
      };
    }
    case 'redacted_thinking':
      return {
        type: 'reasoning',
        text: '',
        signature: null,
        sealed: readString(block['data'], `${path}.data`),
      };
    case 'tool_use':
      return {
        type: 'tool-call',
        id: readString(block['id'], `${path}.id`),
        name: readString(block['name'], `${path}.name`),
        arguments: JSON.stringify(block['input'] ?? {}),
        ...cacheOf(block),
        ...withRest(block, ['type', 'id', 'name', 'input', 'caller', 'cache_control']),
      };
    case 'tool_result':
      return {
        type: 'tool-result',
        callId: readString(block['tool_use_id'], `${path}.tool_use_id`),
        parts:
          block['content'] === undefined || block['content'] === null
            ? []
            : parseContent(block['content'], `${path}.content`),
        isError: optional(block['is_error'], `${path}.is_error`, readBoolean) ?? false,
        ...cacheOf(block),
        ...withRest(block, ['type', 'tool_use_id', 'content', 'is_error', 'cache_control']),
      };
    default:
      return { type: 'opaque', dialect: 'anthropic-messages', raw: block };
  }
}

function parseSource(value: unknown, path: string): MediaSource {
  const source = readObject(value, path);
  switch (source['type']) {
    case 'base64':
      return {
        kind: 'base64',
        mediaType: readString(source['media_type'], `${path}.media_type`),
        data: readString(source['data'], `${path}.data`),
      };
    case 'text':
      return {
        kind: 'base64',
        mediaType: 'text/plain',
        data: Buffer.from(readString(source['data'], `${path}.data`)).toString('base64'),
      };
    case 'url':
      return { kind: 'url', url: readString(source['url'], `${path}.url`) };
    case 'file':
      return { kind: 'file', id: readString(source['file_id'], `${path}.file_id`) };
    default:
      throw invalidField(`${path}.type`, '"base64", "text", "url" or "file"', source['type']);
  }
}

/** https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching */
export function cacheOf(block: JsonObject): { cache?: CacheMarker } {
  const control = block['cache_control'];
  if (!isObject(control)) return {};
  return { cache: { ttl: typeof control['ttl'] === 'string' ? control['ttl'] : null } };
}
