import type { JsonObject } from '#core/call.ts';
import type { Operation } from '#core/contracts/dialect.ts';
import type { Keeping, KeptLists } from '#core/contracts/keeping.ts';
import { queryValues } from '#core/query.ts';
import { invalidField } from '#core/read-json.ts';
import { findNamed } from './vendor-ids.ts';

/** Ours: the vendor takes 1 to 10,000 and gives 10,000 when nothing is said. */
const maxPage = 1000;

/** https://platform.openai.com/docs/api-reference/files/list */
const fileLists: KeptLists = {
  readPage(query) {
    const one = (name: string) => queryValues(query, name)[0] ?? null;
    const limit = one('limit');
    if (limit !== null && !/^[1-9]\d{0,4}$/.test(limit))
      throw invalidField('limit', 'a number from 1 to 10000', limit);
    const order = one('order') ?? 'desc';
    if (order !== 'asc' && order !== 'desc') throw invalidField('order', '"asc" or "desc"', order);
    const purpose = one('purpose');
    return {
      after: one('after'),
      order,
      limit: Math.min(maxPage, limit === null ? maxPage : Number(limit)),
      fits: (document) => purpose === null || document['purpose'] === purpose,
    };
  },
  render: (documents, hasMore) =>
    JSON.stringify({
      object: 'list',
      data: documents,
      first_id: documents[0]?.['id'] ?? null,
      last_id: documents.at(-1)?.['id'] ?? null,
      has_more: hasMore,
    }),
};

/** https://platform.openai.com/docs/api-reference/files */
export const fileOperations: readonly Operation[] = [
  {
    kind: 'kept',
    method: 'POST',
    path: '/v1/files',
    kept: { thing: 'file', verb: 'make', to: '/files', query: [] },
  },
  {
    kind: 'kept',
    method: 'GET',
    path: '/v1/files',
    kept: { thing: 'file', verb: 'list', to: '/files', query: [], list: fileLists },
  },
  {
    kind: 'kept',
    method: 'GET',
    path: '/v1/files/{id}',
    kept: { thing: 'file', verb: 'read', to: '/files/{id}', query: [] },
  },
  {
    kind: 'kept',
    method: 'GET',
    path: '/v1/files/{id}/content',
    kept: { thing: 'file', verb: 'read', to: '/files/{id}/content', query: [], raw: true },
  },
  {
    kind: 'kept',
    method: 'DELETE',
    path: '/v1/files/{id}',
    kept: { thing: 'file', verb: 'delete', to: '/files/{id}', query: [] },
  },
];

/** Answers of the chat are not kept for anybody to name; files are. */
export const keeping: Keeping = {
  keepsAnswer: () => false,
  allows: [],
  namesOf: findNamed,
  keptIn: () => [],
  keptInEvent: () => [],
  answersForMs: 0,
  expiryOf: (document: JsonObject) =>
    typeof document['expires_at'] === 'number' ? document['expires_at'] * 1000 : null,
};
