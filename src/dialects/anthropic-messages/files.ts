import type { Operation } from '#core/contracts/dialect.ts';
import type { KeptLists } from '#core/contracts/keeping.ts';
import { queryValues } from '#core/query.ts';
import { readLimit } from './lists.ts';

const thing = 'anthropic-file';

/** By a mark of where the next page begins: here the last file of this one. The earlier form of the API had ids in its place. */
const lists: KeptLists = {
  readPage(query) {
    const ids = [...queryValues(query, 'ids'), ...queryValues(query, 'ids[]')];
    return {
      after: queryValues(query, 'page')[0] ?? queryValues(query, 'after_id')[0] ?? null,
      order: 'desc',
      limit: readLimit(query),
      fits: (document) => ids.length === 0 || ids.includes(String(document['id'])),
    };
  },
  render: (documents, hasMore) =>
    JSON.stringify({
      data: documents,
      has_more: hasMore,
      first_id: documents[0]?.['id'] ?? null,
      last_id: documents.at(-1)?.['id'] ?? null,
      next_page: hasMore ? (documents.at(-1)?.['id'] ?? null) : null,
    }),
};

/** https://docs.anthropic.com/en/api/files-create */
export const fileOperations: readonly Operation[] = [
  {
    kind: 'kept',
    method: 'POST',
    path: '/v1/files',
    kept: { thing, verb: 'make', to: '/v1/files', query: ['beta'] },
  },
  {
    kind: 'kept',
    method: 'GET',
    path: '/v1/files',
    kept: { thing, verb: 'list', to: '/v1/files', query: [], list: lists },
  },
  {
    kind: 'kept',
    method: 'GET',
    path: '/v1/files/{id}',
    kept: { thing, verb: 'read', to: '/v1/files/{id}', query: ['beta'] },
  },
  {
    kind: 'kept',
    method: 'GET',
    path: '/v1/files/{id}/content',
    kept: { thing, verb: 'read', to: '/v1/files/{id}/content', query: ['beta'], raw: true },
  },
  {
    kind: 'kept',
    method: 'DELETE',
    path: '/v1/files/{id}',
    kept: { thing, verb: 'delete', to: '/v1/files/{id}', query: ['beta'] },
  },
];
