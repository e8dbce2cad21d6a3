import type { CacheMarker, JsonObject, Part, Words } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';
import { toBytes } from '#core/opaque-state.ts';
import { documentFormat, imageFormat, videoFormat } from './formats.ts';

export interface How {
  readonly words: Words;
  readonly lose: (field: string, reason: string) => void;
  /** Names that documents of this call have: each has one of its own. */
  readonly names: Set<string>;
}

/** Blocks for a part, none for what the target cannot take. */
export function renderPart(part: Part, how: How): JsonObject[] {
  const { words, lose } = how;
  switch (part.type) {
    case 'text':
      // Empty text is refused by this API, and says nothing.
      return part.text === '' ? [] : [{ text: part.text }, ...pointOf(part)];
    case 'refusal':
      return part.text === '' ? [] : [{ text: part.text }];
    case 'image': {
      if (part.detail !== undefined) lose(words.imageDetail, 'the target has no such setting');
      const { source } = part;
      const format = source.kind === 'base64' ? imageFormat(source.mediaType) : null;
      if (source.kind !== 'base64' || format === null) {
        lose(
          source.kind === 'file' ? words.file : words.image,
          whyNot(source.kind, 'png, jpeg, gif or webp'),
        );
        return [];
      }
      return [{ image: { format, source: { bytes: source.data } } }, ...pointOf(part)];
    }
    case 'document':
      return renderDocument(part, how);
    case 'video': {
      const { source } = part;
      const format = source.kind === 'base64' ? videoFormat(source.mediaType) : null;
      if (source.kind !== 'base64' || format === null) {
        lose(words.video, whyNot(source.kind, 'mp4, mov, mkv, webm, flv, mpeg, wmv or 3gp'));
        return [];
      }
      return [{ video: { format, source: { bytes: source.data } } }];
    }
    case 'audio':
      return [{ audio: { format: part.format, source: { bytes: part.data } } }];
    case 'reasoning':
      if (part.sealed !== null) return [{ reasoningContent: { redactedContent: toBytes(part.sealed) } }];
      if (part.signature !== null)
        return [{ reasoningContent: { reasoningText: { text: part.text, signature: part.signature } } }];
      if (part.text !== '') lose(words.reasoningPart, 'the target takes back only reasoning with its proof');
      return [];
    case 'tool-call':
      if (part.signature !== undefined) lose(words.toolCallSignature, 'the target has no place for it');
      return [
        { toolUse: { toolUseId: part.id, name: part.name, input: inputOf(part.arguments, how) } },
        ...pointOf(part),
      ];
    case 'tool-result':
      return [
        {
          toolResult: {
            toolUseId: part.callId,
            content: part.parts
              .flatMap((inner) => renderPart(inner, how))
              .filter((block) => !('cachePoint' in block)),
            ...(part.isError ? { status: 'error' } : {}),
          },
        },
        ...pointOf(part),
      ];
    case 'opaque':
      return [];
  }
}

const whyNot = (kind: 'base64' | 'url' | 'file', formats: string): string =>
  kind === 'base64'
    ? `the target takes ${formats}`
    : kind === 'url'
      ? 'the target fetches nothing: send the bytes'
      : 'a file id belongs to the provider that gave it';

/** Lifetimes are 5 minutes, which is usual, and an hour, which stands for what is longer. */
export function pointOf({ cache }: { readonly cache?: CacheMarker }): JsonObject[] {
  if (!cache) return [];
  const ttl = cache.ttl === null ? {} : { ttl: cache.ttl === '5m' ? '5m' : '1h' };
  return [{ cachePoint: { type: 'default', ...ttl } }];
}

function renderDocument(part: Part & { readonly type: 'document' }, how: How): JsonObject[] {
  const { source } = part;
  const format = source.kind === 'base64' ? documentFormat(source.mediaType) : null;
  if (source.kind !== 'base64' || format === null) {
    const formats = 'pdf, csv, doc, docx, xls, xlsx, html, txt or md';
    how.lose(source.kind === 'file' ? how.words.file : how.words.document, whyNot(source.kind, formats));
    return [];
  }
  const name = nameOf(part.name, how);
  return [{ document: { format, name, source: { bytes: source.data } } }, ...pointOf(part)];
}

/**
 * Letters, digits, single spaces, hyphens, parentheses and brackets; the end of a file's name is said by its format.
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html
 */
function nameOf(given: string | undefined, { names, words, lose }: How): string {
  const bare = (given ?? '').replace(/\.\w{1,5}$/, '');
  const plain = bare
    .replace(/[^A-Za-z0-9\s()[\]-]+/g, '-')
    .replace(/\s+/g, ' ')
    .trim();
  const base = plain === '' ? 'document' : plain;
  let name = base;
  for (let i = 2; names.has(name); i++) name = `${base} ${i}`;
  names.add(name);
  if (given !== undefined && name !== bare)
    lose(words.documentName, 'the target takes letters, digits and hyphens: it is written so');
  return name;
}

/** Arguments are an object here. What the model wrote that is none is kept under a name that says so. */
function inputOf(text: string, { lose }: How): JsonObject {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch {
    // Said below.
  }
  lose('messages[].tool_calls[].function.arguments', 'not a JSON object, sent as { "text": … }');
  return { text };
}
