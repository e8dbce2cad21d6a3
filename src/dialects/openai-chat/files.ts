import type { JsonObject } from '#core/call.ts';
import type { Operation } from '#core/contracts/dialect.ts';
import type { Keeping, KeptLists } from '#core/contracts/keeping.ts';
import { queryValues } from '#core/query.ts';
import { invalidField } from '#core/read-json.ts';
import { batches } from './batches.ts';
import { readAfter, renderList } from './lists.ts';
import { findNamed } from './vendor-ids.ts';

/** https://platform.openai.com/docs/api-reference/files/list */
const fileLists: KeptLists = {
  readPage(query) {
    const one = (name: string) => queryValues(query, name)[0] ?? null;
    const order = one('order') ?? 'desc';
    if (order !== 'asc' && order !== 'desc') throw invalidField('order', '"asc" or "desc"', order);
    const purpose = one('purpose');
    return {
      ...readAfter(query),
      order,
      fits: (document) => purpose === null || document['purpose'] === purpose,
    };
  },
  render: renderList,
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
  batches,
  expiryOf: (document: JsonObject) =>
    typeof document['expires_at'] === 'number' ? document['expires_at'] * 1000 : null,
};
