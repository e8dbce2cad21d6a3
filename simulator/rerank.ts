import { isObject, requireArray, requireInteger, requireText } from './shape.ts';
import type { Json } from './shape.ts';
import { bearerOf, tokensOf } from './work.ts';
import type { WorkVendor } from './work.ts';

/** More words of the query, better rank. */
function ranksOf(body: Json): { index: number; relevance_score: number }[] {
  const words = new Set(requireText(body.query, 'query').toLowerCase().split(/\W+/));
  const scored = documentsOf(body).map((document, index) => {
    const said = new Set(document.toLowerCase().split(/\W+/));
    return { index, relevance_score: [...words].filter((word) => said.has(word)).length / words.size };
  });
  const sorted = scored.toSorted((a, b) => b.relevance_score - a.relevance_score);
  return body.top_n === undefined
    ? sorted
    : sorted.slice(0, requireInteger(body.top_n, 'top_n', [1, 10_000]));
}

const documentsOf = (body: Json): string[] =>
  requireArray(body.documents, 'documents').map((document) =>
    requireText(isObject(document) ? document.text : document, 'documents'),
  );

export const cohereRerank: WorkVendor = {
  name: 'cohere-rerank',
  answers: (path) => path === '/v2/rerank' || path === '/v1/rerank',
  keyOf: bearerOf,
  renderError: (_status, message) => ({ id: 'sim', message }),
  work(body) {
    const billed = { search_units: Math.ceil(documentsOf(body).length / 100) };
    return {
      model: requireText(body.model, 'model'),
      body: {
        id: 'rerank-sim',
        results: ranksOf(body),
        meta: { api_version: { version: '2' }, billed_units: billed },
      },
      usage: billed,
      promptTokens: 0,
    };
  },
};

/** As servers of one's own do, below `/local`. */
export const localRerank: WorkVendor = {
  name: 'local-rerank',
  answers: (path) => path === '/local/v1/rerank',
  keyOf: bearerOf,
  renderError: (_status, message) => ({
    error: { message, type: 'BadRequestError', param: null, code: 400 },
  }),
  work(body) {
    const model = requireText(body.model, 'model');
    const usage = { total_tokens: tokensOf([String(body.query), ...documentsOf(body)]) };
    return {
      model,
      body: { id: 'rerank-sim', model, usage, results: ranksOf(body) },
      usage,
      promptTokens: usage.total_tokens,
    };
  },
};
