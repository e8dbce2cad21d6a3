import type { JsonObject } from '#core/call.ts';
import type { Dialect, RenderContext } from '#core/contracts/dialect.ts';
import { invalidField, isObject, optional, readArray, readCount, readString } from '#core/read-json.ts';
import { tokenFigure } from '#core/token-figure.ts';
import { inputLine, totalsOf, type Usage } from '#core/usage.ts';
import { malformed, readList } from '#core/vectors.ts';
import { workDialect, type WorkWords } from '#core/work-dialect.ts';

/** Cohere's rerank. https://docs.cohere.com/reference/rerank */
export const cohereRerank = (chat: Dialect): Dialect =>
  workDialect(
    {
      ...words,
      name: 'cohere-rerank',
      operations: ['/v2/rerank', '/v1/rerank'],
      path: (_target, line) => line?.operation.path ?? '/v2/rerank',
    },
    chat,
  );

/** The same as others serve it, below their own base. https://docs.vllm.ai/en/stable/serving/openai_compatible_server */
export const jinaRerank = (chat: Dialect): Dialect =>
  workDialect(
    { ...words, name: 'jina-rerank', operations: ['/v1/rerank', '/rerank'], path: () => '/rerank' },
    chat,
  );

const words: Omit<WorkWords<'rerank'>, 'name' | 'operations' | 'path'> = {
  surface: 'rerank',
  fields: ['model', 'query', 'documents', 'top_n', 'return_documents'],
  parse: (body) => ({
    kind: 'rerank',
    query: readString(body['query'], 'query'),
    documents: readArray(body['documents'], 'documents').map(textOf),
    top: optional(body['top_n'], 'top_n', readCount),
  }),
  render: ({ query, documents, top }, target) => ({
    body: { model: target.model, query, documents, ...(top === null ? {} : { top_n: top }) },
    losses: [],
  }),
  read(body) {
    const ranks = readList(body, 'results').map((result) => {
      const { index, relevance_score: score } = isObject(result) ? result : {};
      if (typeof index !== 'number' || typeof score !== 'number')
        throw malformed('"index" and "relevance_score" of each result');
      return { index, score };
    });
    const id = typeof body['id'] === 'string' ? body['id'] : null;
    return { result: { kind: 'rerank', ranks }, usage: usageOf(body), id, model: null };
  },
  write({ result, usage, id }, { body, model, exchangeId }) {
    return {
      id: id ?? exchangeId,
      model,
      results: result.ranks.map(({ index, score }) => ({
        index,
        relevance_score: score,
        ...documentAt(body, index),
      })),
      ...renderUsage(usage),
    };
  },
};

/** A text, or an object that has one. */
function textOf(document: unknown, i: number): string {
  if (typeof document === 'string') return document;
  if (isObject(document) && typeof document['text'] === 'string') return document['text'];
  throw invalidField(`documents[${i}]`, 'a string, or an object with "text"', document);
}

/** Only where the client asks to be told what it sent. */
function documentAt(
  { documents, return_documents: wanted }: RenderContext['body'],
  index: number,
): JsonObject {
  if (wanted !== true || !Array.isArray(documents)) return {};
  const document: unknown = documents[index];
  return { document: typeof document === 'string' ? { text: document } : document };
}

/** Some bill by searches, some by tokens. */
function usageOf({ meta, usage }: JsonObject): Usage | null {
  const billed = isObject(meta) ? meta['billed_units'] : null;
  const flags = new Set<string>();
  const searches = isObject(billed) ? tokenFigure(billed, 'search_units', flags) : 0;
  const tokens = isObject(usage) ? tokenFigure(usage, 'total_tokens', flags) : 0;
  if (!isObject(billed) && !isObject(usage)) return null;
  return {
    lines: tokens > 0 ? [inputLine(tokens)] : [],
    source: flags.size > 0 ? 'provider_partial' : 'provider',
    raw: isObject(billed) ? meta : usage,
    flags: [...flags],
    ...(searches > 0 ? { units: { searches } } : {}),
  };
}

function renderUsage(usage: Usage | null): JsonObject {
  const tokens = usage ? totalsOf(usage.lines).input : 0;
  const searches = usage?.units?.['searches'];
  return {
    meta: {
      api_version: { version: '2' },
      ...(searches === undefined ? {} : { billed_units: { search_units: searches } }),
    },
    ...(tokens > 0 ? { usage: { total_tokens: tokens } } : {}),
  };
}
