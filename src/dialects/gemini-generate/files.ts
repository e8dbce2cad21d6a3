import type { JsonObject } from '#core/call.ts';
import type { Operation } from '#core/contracts/dialect.ts';
import type { KeptLists, KeptUse } from '#core/contracts/keeping.ts';
import { readPageOf } from './lists.ts';

const thing = 'gemini-file';
const named = 'files/{id}';
const versions = ['/v1beta', '/v1'];

const lists: KeptLists = {
  readPage: readPageOf,
  render: (files, hasMore) =>
    JSON.stringify({ files, ...(hasMore ? { nextPageToken: files.at(-1)?.['name'] } : {}) }),
};

const operations = (
  method: Operation['method'],
  at: string,
  kept: Omit<KeptUse, 'thing' | 'query' | 'named' | 'to'> & Partial<Pick<KeptUse, 'query' | 'to'>>,
): Operation[] =>
  versions.map((version) => ({
    kind: 'kept',
    method,
    path: `${version}${at}`,
    kept: { thing, query: [], named, to: at, ...kept },
  }));

/** Uploads are begun by a description, and come in pieces of which the last one ends them. https://ai.google.dev/api/files */
const uploads = versions.map((version): Operation => ({
  kind: 'kept',
  method: 'POST',
  path: `/upload${version}/files`,
  kept: {
    thing,
    verb: 'make',
    to: '/files',
    before: 'upload',
    query: ['upload_id', 'upload_protocol'],
    passesHeaders: ['x-goog-upload-'],
    resumable: { thing: 'gemini-upload', parameter: 'upload_id', addressHeader: 'x-goog-upload-url' },
    documentIn: ({ file }: JsonObject) => file,
  },
}));

export const fileOperations: readonly Operation[] = [
  ...uploads,
  ...operations('GET', '/files', { verb: 'list', list: lists }),
  // Before the one of the same form that only reads what is said of a file.
  ...operations('GET', '/files/{id}:download', { verb: 'read', query: ['alt'], raw: true }),
  ...operations('GET', '/files/{id}', { verb: 'read' }),
  ...operations('DELETE', '/files/{id}', { verb: 'delete' }),
];
