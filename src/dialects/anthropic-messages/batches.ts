import type { JsonObject } from '#core/call.ts';
import type { Operation } from '#core/contracts/dialect.ts';
import type { BatchCall, Batches, KeptLists, KeptUse } from '#core/contracts/keeping.ts';
import { refuseDuplicates, scanFields, scanItems } from '#core/json.ts';
import { queryValues } from '#core/query.ts';
import { invalidField, isObject, readArray, readObject, readString } from '#core/read-json.ts';
import { readLimit } from './lists.ts';

const thing = 'anthropic-batch';
const path = '/v1/messages/batches';
const one = `${path}/{id}`;

const lists: KeptLists = {
  readPage(query) {
    const before = queryValues(query, 'before_id')[0];
    return {
      after: before ?? queryValues(query, 'after_id')[0] ?? null,
      order: before === undefined ? 'desc' : 'asc',
      limit: readLimit(query),
      fits: () => true,
      ...(before === undefined ? {} : { backwards: true as const }),
    };
  },
  render: (documents, hasMore) =>
    JSON.stringify({
      data: documents,
      has_more: hasMore,
      first_id: documents[0]?.['id'] ?? null,
      last_id: documents.at(-1)?.['id'] ?? null,
    }),
};

/** Clients ask at the address that a batch names for its results. */
function shown({ id, results_url: url }: JsonObject, calledAt: string): ReadonlyMap<string, string> {
  if (typeof url !== 'string' || typeof id !== 'string') return new Map();
  const here = calledAt.slice(0, calledAt.indexOf(path) + path.length);
  return new Map([['results_url', JSON.stringify(`${here}/${encodeURIComponent(id)}/results`)]]);
}

const operation = (
  method: Operation['method'],
  at: string,
  kept: Omit<KeptUse, 'thing' | 'to'>,
): Operation => ({
  kind: 'kept',
  method,
  path: at,
  kept: { thing, to: at, ...kept },
});

/** https://docs.anthropic.com/en/api/creating-message-batches */
export const batchOperations: readonly Operation[] = [
  operation('POST', path, {
    verb: 'make',
    query: ['beta'],
    shown,
    batch: { interpretedKeys: ['requests'], read: readOrder, callsIn },
  }),
  operation('GET', path, { verb: 'list', query: [], list: lists, shown }),
  operation('GET', one, { verb: 'read', query: ['beta'], shown }),
  operation('GET', `${one}/results`, { verb: 'read', query: ['beta'], raw: true }),
  operation('POST', `${one}/cancel`, { verb: 'act', query: ['beta'], shown }),
  operation('DELETE', one, { verb: 'delete', query: ['beta'] }),
];

function readOrder(body: JsonObject) {
  for (const [i, request] of readArray(body['requests'], 'requests').entries()) {
    const { custom_id: name, params } = readObject(request, `requests[${i}]`);
    readString(name, `requests[${i}].custom_id`);
    readObject(params, `requests[${i}].params`);
  }
  return { file: null, path: null };
}

/** `{ requests: [{ custom_id, params }] }` */
function callsIn(text: string): BatchCall[] {
  const requests = scanFields(text).find(({ key }) => key === 'requests');
  if (!requests) return [];
  return scanItems(text, requests.valueStart).map(({ start, end }, i) => {
    const fields = scanFields(text.slice(start, end));
    refuseDuplicates(fields, ['custom_id', 'params']);
    const spanOf = (key: string) => fields.find((field) => field.key === key);
    const [name, params] = [spanOf('custom_id'), spanOf('params')];
    if (!name || !params) throw invalidField(`requests[${i}]`, 'a custom_id and params', undefined);
    const said = text.slice(start + name.valueStart, start + name.valueEnd);
    return {
      name: JSON.parse(Buffer.from(said, 'latin1').toString('utf8')) as string,
      path: null,
      start: start + params.valueStart,
      end: start + params.valueEnd,
    };
  });
}

export const batches: Batches = {
  path: (id) => `${path}/${encodeURIComponent(id)}`,
  isDone: ({ processing_status: status }) => status === 'ended',
  doneAtMs({ ended_at: at }) {
    const ms = typeof at === 'string' ? Date.parse(at) : NaN;
    return Number.isNaN(ms) ? null : ms;
  },
  resultPaths: ({ id, results_url: url }) =>
    typeof url === 'string' ? [`${path}/${encodeURIComponent(String(id))}/results`] : [],
  readResult({ custom_id: call, result }) {
    const message = isObject(result) && result['type'] === 'succeeded' ? result['message'] : null;
    return { call: typeof call === 'string' ? call : '', answer: isObject(message) ? message : null };
  },
  madeBy: () => [],
};
