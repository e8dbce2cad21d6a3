import type { JsonObject } from '#core/call.ts';
import { queryValues } from '#core/query.ts';
import { invalidField } from '#core/read-json.ts';

/** Ours: the vendor takes 1 to 10,000 of files, and gives as many when nothing is said. */
const maxPage = 1000;

/** After which one, and how many; `usual` where the query does not say. @throws Fault `request/invalid-field`. */
export function readAfter(
  query: string,
  usual = maxPage,
): { readonly after: string | null; readonly limit: number } {
  const [limit] = queryValues(query, 'limit');
  if (limit !== undefined && !/^[1-9]\d{0,4}$/.test(limit))
    throw invalidField('limit', 'a number from 1 to 10000', limit);
  return {
    after: queryValues(query, 'after')[0] ?? null,
    limit: Math.min(maxPage, limit === undefined ? usual : Number(limit)),
  };
}

/** A page, as this API gives all of them. */
export const renderList = (documents: readonly JsonObject[], hasMore: boolean): string =>
  JSON.stringify({
    object: 'list',
    data: documents,
    first_id: documents[0]?.['id'] ?? null,
    last_id: documents.at(-1)?.['id'] ?? null,
    has_more: hasMore,
  });
