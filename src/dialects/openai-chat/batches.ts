import type { JsonObject } from '#core/call.ts';
import type { Operation } from '#core/contracts/dialect.ts';
import type { BatchCall, Batches, KeptLists, KeptName } from '#core/contracts/keeping.ts';
import { refuseDuplicates, scanFields } from '#core/json.ts';
import { invalidField, isObject, readString } from '#core/read-json.ts';
import { readAfter, renderList } from './lists.ts';

const lists: KeptLists = {
  readPage: (query) => ({ ...readAfter(query, 100), order: 'desc', fits: () => true }),
  render: renderList,
};

/** https://platform.openai.com/docs/api-reference/batch */
export const batchOperations: readonly Operation[] = [
  {
    kind: 'kept',
    method: 'POST',
    path: '/v1/batches',
    kept: {
      thing: 'batch',
      verb: 'make',
      to: '/batches',
      query: [],
      batch: {
        interpretedKeys: ['input_file_id', 'endpoint'],
        read: (body) => ({
          file: { path: 'input_file_id', id: readString(body['input_file_id'], 'input_file_id') },
          path: readString(body['endpoint'], 'endpoint'),
        }),
        file: { path: contentOf, callIn },
      },
    },
  },
  {
    kind: 'kept',
    method: 'GET',
    path: '/v1/batches',
    kept: { thing: 'batch', verb: 'list', to: '/batches', query: [], list: lists },
  },
  {
    kind: 'kept',
    method: 'GET',
    path: '/v1/batches/{id}',
    kept: { thing: 'batch', verb: 'read', to: '/batches/{id}', query: [] },
  },
  {
    kind: 'kept',
    method: 'POST',
    path: '/v1/batches/{id}/cancel',
    kept: { thing: 'batch', verb: 'act', to: '/batches/{id}/cancel', query: [] },
  },
];

function contentOf(id: string): string {
  return `/files/${encodeURIComponent(id)}/content`;
}

/** `{ custom_id, method, url, body }`. https://platform.openai.com/docs/api-reference/batch/request-input */
function callIn(line: string): BatchCall {
  const fields = scanFields(line);
  refuseDuplicates(fields, ['custom_id', 'method', 'url', 'body']);
  const spanOf = (key: string) => fields.find((field) => field.key === key);
  const textOf = (key: string) => {
    const span = spanOf(key);
    const value: unknown = span && JSON.parse(utf8(line.slice(span.valueStart, span.valueEnd)));
    return readString(value, key);
  };
  const body = spanOf('body');
  if (!body) throw invalidField('body', 'the body of a call in each line', undefined);
  return { name: textOf('custom_id'), path: textOf('url'), start: body.valueStart, end: body.valueEnd };
}

const utf8 = (text: string): string => Buffer.from(text, 'latin1').toString('utf8');

const ended = new Set(['completed', 'failed', 'expired', 'cancelled']);
const endings = ['completed_at', 'failed_at', 'expired_at', 'cancelled_at'];

export const batches: Batches = {
  path: (id) => `/batches/${encodeURIComponent(id)}`,
  isDone: ({ status }) => typeof status === 'string' && ended.has(status),
  doneAtMs(document) {
    const at = endings.map((name) => document[name]).find((value) => typeof value === 'number');
    return at === undefined ? null : at * 1000;
  },
  resultPaths: ({ output_file_id: id }) => (typeof id === 'string' && id !== '' ? [contentOf(id)] : []),
  readResult({ custom_id: call, response }) {
    const came = isObject(response) ? response : {};
    const answered = came['status_code'] === 200 && isObject(came['body']);
    return {
      call: typeof call === 'string' ? call : '',
      answer: answered ? (came['body'] as JsonObject) : null,
    };
  },
  madeBy: (document) =>
    ['output_file_id', 'error_file_id'].flatMap((name): KeptName[] => {
      const id = document[name];
      return typeof id === 'string' && id !== '' ? [{ id, kind: 'file' }] : [];
    }),
};
