import type { JsonObject, MediaSource, Part } from '#core/call.ts';
import { optional, readString } from '#core/read-json.ts';
import { readMessage } from './fields.ts';

const audioFormats: Readonly<Record<string, string>> = {
  mpeg: 'mp3',
  'x-wav': 'wav',
  wave: 'wav',
  'x-aac': 'aac',
};
const audioTypes: Readonly<Record<string, string>> = { mp3: 'audio/mp3', wav: 'audio/wav' };
const extensions: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  heic: 'image/heic',
  gif: 'image/gif',
  pdf: 'application/pdf',
  txt: 'text/plain',
  mp4: 'video/mp4',
  webm: 'video/webm',
  mov: 'video/mov',
  mp3: 'audio/mp3',
  wav: 'audio/wav',
};

/** By the end of its path; null where that says nothing. */
function typeOfUrl(url: string): string | null {
  const path = /^[^?#]*/.exec(url)![0];
  return extensions[/\.(\w{1,5})$/.exec(path)?.[1]?.toLowerCase() ?? ''] ?? null;
}

const isFilm = (url: string): boolean => /^https?:\/\/(?:www\.)?(?:youtube\.com|youtu\.be)\//.test(url);

/** What is kept at the vendor, and no address that anybody can read. */
export const isKept = (uri: string): boolean =>
  !/^https?:\/\//i.test(uri) || /^https?:\/\/[^/]*\bgoogleapis\.com\//i.test(uri);

type More = { readonly rest?: JsonObject };

/** https://ai.google.dev/api/caching#Blob */
export function parseInline(value: unknown, path: string, more: More): Part {
  const blob = readMessage(value, path);
  const mediaType = readString(blob['mimeType'], `${path}.mimeType`);
  const data = readString(blob['data'], `${path}.data`);
  const [kind, format = ''] = mediaType.toLowerCase().split(';')[0]!.split('/');
  if (kind === 'audio') return { type: 'audio', format: audioFormats[format] ?? format, data, ...more };
  return mediaPart(kind!, { kind: 'base64', mediaType, data }, nameOf(blob, path), more);
}

/** https://ai.google.dev/api/caching#FileData */
export function parseFile(value: unknown, path: string, more: More): Part {
  const file = readMessage(value, path);
  const uri = readString(file['fileUri'], `${path}.fileUri`);
  const given = optional(file['mimeType'], `${path}.mimeType`, readString);
  const type = given ?? typeOfUrl(uri) ?? (isFilm(uri) ? 'video/mp4' : 'image/*');
  const source: MediaSource = isKept(uri) ? { kind: 'file', id: uri } : { kind: 'url', url: uri };
  return mediaPart(type.split('/')[0]!, source, nameOf(file, path), more);
}

const nameOf = (of: JsonObject, path: string): string | null =>
  optional(of['displayName'], `${path}.displayName`, readString);

function mediaPart(kind: string, source: MediaSource, name: string | null, more: More): Part {
  if (kind === 'image') return { type: 'image', source, ...more };
  if (kind === 'video') return { type: 'video', source, ...more };
  return { type: 'document', source, ...(name === null ? {} : { name }), ...more };
}

export const audioBlob = (format: string, data: string): JsonObject => ({
  inlineData: { mimeType: audioTypes[format] ?? `audio/${format}`, data },
});

/** Null for what another provider keeps. */
export function renderSource(source: MediaSource): JsonObject | null {
  switch (source.kind) {
    case 'base64':
      return { inlineData: { mimeType: source.mediaType, data: source.data } };
    case 'url': {
      const type = typeOfUrl(source.url);
      return { fileData: { ...(type === null ? {} : { mimeType: type }), fileUri: source.url } };
    }
    case 'file':
      return null;
  }
}
