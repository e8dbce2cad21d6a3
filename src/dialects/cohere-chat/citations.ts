import type { Citation } from '#core/answer.ts';
import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
const place = (value: unknown): number | null => (Number.isSafeInteger(value) ? (value as number) : null);

/** One for each source that is named. https://docs.cohere.com/docs/documents-and-citations */
export function parseCitations(raw: JsonObject): Citation[] {
  const sources = Array.isArray(raw['sources']) ? raw['sources'].filter(isObject) : [];
  const at = { start: place(raw['start']), end: place(raw['end']) };
  if (sources.length === 0) return [{ url: null, title: null, quote: null, ...at, raw }];
  return sources.map((source) => {
    const document = isObject(source['document'])
      ? source['document']
      : isObject(source['tool_output'])
        ? source['tool_output']
        : {};
    return {
      url: text(document['url']),
      title: text(document['title']) ?? text(source['id']),
      quote: text(document['snippet']) ?? text(document['text']),
      ...at,
      raw: { ...raw, sources: [source] },
    };
  });
}

/** In its own words where it has some of this dialect. */
export function renderCitation({ url, title, quote, start, end, raw }: Citation): JsonObject {
  if (raw && Array.isArray(raw['sources'])) return raw;
  const document = {
    ...(title === null ? {} : { title }),
    ...(url === null ? {} : { url }),
    ...(quote === null ? {} : { snippet: quote }),
  };
  return {
    ...(start === null ? {} : { start }),
    ...(end === null ? {} : { end }),
    sources: [{ type: 'document', id: url ?? title ?? 'doc:0', document }],
    type: 'TEXT_CONTENT',
  };
}
