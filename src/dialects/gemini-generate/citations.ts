import type { Citation } from '#core/answer.ts';
import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';

const objects = (value: unknown): JsonObject[] => (Array.isArray(value) ? value.filter(isObject) : []);
const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

/**
 * One for each source of each text that rests on it; a source that no text is said to rest on is one of the whole. Places
 * are in bytes there, and are left to the raw form.
 * https://ai.google.dev/api/generate-content#GroundingMetadata
 */
export function parseCitations(grounding: JsonObject): Citation[] {
  const chunks = objects(grounding['groundingChunks']);
  const named = new Set<number>();
  const citations = objects(grounding['groundingSupports']).flatMap((support) => {
    const { segment, groundingChunkIndices: indices } = support;
    return (Array.isArray(indices) ? indices : []).flatMap((index): Citation[] => {
      const chunk = typeof index === 'number' ? chunks[index] : undefined;
      if (!chunk) return [];
      named.add(index as number);
      return [citationOf(chunk, isObject(segment) ? segment : null)];
    });
  });
  return [...citations, ...chunks.filter((_, i) => !named.has(i)).map((chunk) => citationOf(chunk, null))];
}

function citationOf(chunk: JsonObject, segment: JsonObject | null): Citation {
  const source = Object.values(chunk).find(isObject) ?? {};
  return {
    url: text(source['uri']),
    title: text(source['title']),
    quote: text(source['text']),
    start: null,
    end: null,
    raw: { chunk, ...(segment ? { segment } : {}) },
  };
}

/** Null without any. */
export function renderCitations(citations: readonly Citation[]): JsonObject | null {
  if (citations.length === 0) return null;
  return {
    groundingChunks: citations.map(({ raw, url, title, quote }) =>
      raw && isObject(raw['chunk'])
        ? raw['chunk']
        : {
            web: {
              ...(url === null ? {} : { uri: url }),
              ...(title === null ? {} : { title }),
              ...(quote === null ? {} : { text: quote }),
            },
          },
    ),
    groundingSupports: citations.flatMap(({ raw, start, end }, i) => {
      const segment = raw && isObject(raw['segment']) ? raw['segment'] : placeOf(start, end);
      return segment ? [{ segment, groundingChunkIndices: [i] }] : [];
    }),
  };
}

const placeOf = (start: number | null, end: number | null): JsonObject | null =>
  end === null ? null : { startIndex: start ?? 0, endIndex: end };
