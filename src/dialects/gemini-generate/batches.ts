import type { JsonObject } from '#core/call.ts';
import type { Operation } from '#core/contracts/dialect.ts';
import type { BatchCall, Batches, BatchOrder, KeptLists, KeptUse } from '#core/contracts/keeping.ts';
import { scanFields, scanItems, type FieldSpan } from '#core/json.ts';
import { invalidField, isObject, readArray, readObject, readString } from '#core/read-json.ts';
import { readMessage } from './fields.ts';
import { readPageOf } from './lists.ts';

const thing = 'gemini-batch';
const named = 'batches/{id}';

const lists: KeptLists = {
  readPage: readPageOf,
  render: (operations, hasMore) =>
    JSON.stringify({ operations, ...(hasMore ? { nextPageToken: operations.at(-1)?.['name'] } : {}) }),
};

const operations = (
  method: Operation['method'],
  at: string,
  kept: Omit<KeptUse, 'thing' | 'query' | 'named' | 'to'> & Partial<Pick<KeptUse, 'to'>>,
): Operation[] =>
  ['/v1beta', '/v1'].map((version) => ({
    kind: 'kept',
    method,
    path: `${version}${at}`,
    kept: { thing, query: [], named, to: at, ...kept },
  }));

/** https://ai.google.dev/api/batch-api */
export const batchOperations: readonly Operation[] = [
  ...operations('POST', '/models/{+model}:batchGenerateContent', {
    verb: 'make',
    to: '/models/{model}:batchGenerateContent',
    batch: { interpretedKeys: ['batch'], read: readOrder, callsIn, sealed: true },
  }),
  ...operations('GET', '/batches', { verb: 'list', list: lists }),
  ...operations('GET', '/batches/{id}', { verb: 'read' }),
  ...operations('POST', '/batches/{id}:cancel', { verb: 'act' }),
  ...operations('DELETE', '/batches/{id}', { verb: 'delete' }),
];

/** `{ batch: { inputConfig: { fileName } | { requests: { requests: [{ request, metadata }] } } } }` */
function readOrder(body: JsonObject): BatchOrder {
  const path = 'batch.inputConfig';
  const config = readMessage(readMessage(body['batch'], 'batch')['inputConfig'], path);
  const { fileName, requests } = config;
  if ((fileName === undefined) === (requests === undefined))
    throw invalidField(path, 'either requests or a fileName', config);
  if (fileName !== undefined)
    return { file: { path: `${path}.fileName`, id: readString(fileName, `${path}.fileName`) }, path: null };
  const list = readArray(readObject(requests, `${path}.requests`)['requests'], `${path}.requests.requests`);
  for (const [i, request] of list.entries())
    readObject(readObject(request, `requests[${i}]`)['request'], `requests[${i}].request`);
  return { file: null, path: null };
}

/** One step into the text: the value of the first field of these names. */
function within(text: string, span: { start: number; end: number } | null, ...names: string[]) {
  const inner = span && text.slice(span.start, span.end);
  const found: FieldSpan | undefined = inner
    ? scanFields(inner).find(({ key }) => names.includes(key))
    : undefined;
  return found ? { start: span!.start + found.valueStart, end: span!.start + found.valueEnd } : null;
}

function callsIn(text: string): BatchCall[] {
  const batch = within(text, { start: 0, end: text.length }, 'batch');
  const config = within(text, batch, 'inputConfig', 'input_config');
  const list = within(text, within(text, config, 'requests'), 'requests');
  return scanItems(text, list?.start ?? text.length).map((item) => ({
    name: '',
    path: null,
    ...within(text, item, 'request')!,
  }));
}

const ended = /_STATE_(?:SUCCEEDED|FAILED|CANCELLED|EXPIRED)$/;

const metadataOf = ({ metadata }: JsonObject): JsonObject => (isObject(metadata) ? metadata : {});

/** Some versions of the API tell it with the metadata, some as the operation's response. */
const outputOf = (document: JsonObject): JsonObject => {
  const { output } = metadataOf(document);
  const { response } = document;
  return isObject(output) ? output : isObject(response) ? response : {};
};

const fileOf = (document: JsonObject): string | null => {
  const { responsesFile } = outputOf(document);
  return typeof responsesFile === 'string' && responsesFile.startsWith('files/') ? responsesFile : null;
};

const pathOf = (name: string): string => `/${name.split('/').map(encodeURIComponent).join('/')}`;

export const batches: Batches = {
  path: pathOf,
  isDone(document) {
    const { state } = metadataOf(document);
    return document['done'] === true || (typeof state === 'string' && ended.test(state));
  },
  doneAtMs(document) {
    const at = metadataOf(document)['endTime'];
    const ms = typeof at === 'string' ? Date.parse(at) : NaN;
    return Number.isNaN(ms) ? null : ms;
  },
  resultPaths(document) {
    const file = fileOf(document);
    return file === null ? [] : [`${pathOf(file)}:download?alt=media`];
  },
  resultsIn(document) {
    const { inlinedResponses } = outputOf(document);
    const list = isObject(inlinedResponses) ? inlinedResponses['inlinedResponses'] : null;
    return Array.isArray(list) ? list.filter(isObject) : [];
  },
  readResult: ({ response }) => ({ call: '', answer: isObject(response) ? response : null }),
  madeBy(document) {
    const file = fileOf(document);
    return file === null ? [] : [{ id: file, kind: 'gemini-file' }];
  },
};
