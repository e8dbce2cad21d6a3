import type { Account, Accounts } from './accounts.ts';
import type { ModelCall } from './model-call.ts';
import { isObject } from './shape.ts';
import type { Json } from './shape.ts';
import { renderJson } from './sse.ts';
import { renderError } from './vendor-errors.ts';

interface Reply {
  status: number;
  json: string | Buffer;
  type?: string;
}
type Handler = (account: Account, id: string, incoming: ModelCall) => Reply | null;

const found = (body: Json): Reply => ({ status: 200, json: renderJson(body) });

/** What may be done with what an account keeps: method and path, with the id in parentheses. */
const operations: readonly [method: string, path: RegExp, handler: Handler][] = [
  [
    'POST',
    /^\/v1\/(files)$/,
    (account, _, { bytes, call }) => {
      const form = readForm(bytes);
      if (!form) return bad('file and purpose are required');
      const file = {
        id: `file-sim-${call.number}`,
        object: 'file',
        bytes: form.content.length,
        created_at: Math.floor(Date.now() / 1000),
        filename: form.name,
        purpose: form.purpose,
        status: 'processed',
      };
      account.files.set(file.id, { file, content: Buffer.from(form.content) });
      return found(file);
    },
  ],
  [
    'GET',
    /^\/v1\/(files)$/,
    (account) =>
      found({ object: 'list', data: [...account.files.values()].map(({ file }) => file), has_more: false }),
  ],
  [
    'GET',
    /^\/v1\/files\/([^/]+)$/,
    (account, id) => {
      const kept = account.files.get(id);
      return kept ? found(kept.file) : null;
    },
  ],
  [
    'GET',
    /^\/v1\/files\/([^/]+)\/content$/,
    (account, id) => {
      const kept = account.files.get(id);
      return kept ? { status: 200, json: kept.content, type: 'application/octet-stream' } : null;
    },
  ],
  [
    'DELETE',
    /^\/v1\/files\/([^/]+)$/,
    (account, id) => (account.files.delete(id) ? found({ id, object: 'file', deleted: true }) : null),
  ],
  [
    'GET',
    /^\/v1\/responses\/([^/]+)$/,
    (account, id) => {
      const kept = account.responses.get(id);
      if (!kept) return null;
      return found(kept.looks-- > 0 ? unfinished(kept.response, 'in_progress') : kept.response);
    },
  ],
  [
    'DELETE',
    /^\/v1\/responses\/([^/]+)$/,
    (account, id) => (account.responses.delete(id) ? found({ id, object: 'response', deleted: true }) : null),
  ],
  [
    'POST',
    /^\/v1\/responses\/([^/]+)\/cancel$/,
    (account, id) => {
      const kept = account.responses.get(id);
      if (!kept) return null;
      kept.response = { ...kept.response, status: 'cancelled' };
      kept.looks = 0;
      return found(kept.response);
    },
  ],
  [
    'GET',
    /^\/v1\/responses\/([^/]+)\/input_items$/,
    (account, id) => {
      const data = account.responses.get(id)?.input;
      if (!data) return null;
      return found({
        object: 'list',
        data,
        first_id: data[0]?.id,
        last_id: data.at(-1)?.id,
        has_more: false,
      });
    },
  ],
];

/** A form's first file, and its purpose. */
function readForm(bytes: Buffer): { name: string; purpose: string; content: Buffer } | null {
  const text = bytes.toString('latin1');
  const boundary = /^--[^\r\n]+/.exec(text)?.[0];
  const name = /name="file"; filename="([^"]*)"/.exec(text);
  const purpose = /name="purpose"\r\n\r\n([^\r\n]*)/.exec(text)?.[1];
  if (!boundary || !name || !purpose) return null;
  const start = text.indexOf('\r\n\r\n', name.index) + 4;
  const content = bytes.subarray(start, text.indexOf(`\r\n${boundary}`, start));
  return { name: Buffer.from(name[1]!, 'latin1').toString('utf8'), purpose, content };
}

const bad = (message: string): Reply => ({
  status: 400,
  json: renderError('openai', { status: 400, message }, 'bad'),
});

/** Answers a call about what the caller's account keeps. False when the path is no such. */
export function answerKept(incoming: ModelCall, url: URL, accounts: Accounts): boolean {
  const { request, response, call } = incoming;
  const match = operations
    .map(([method, path, handler]) => ({
      handler,
      id: method === request.method && path.exec(url.pathname)?.[1],
    }))
    .find(({ id }) => typeof id === 'string');
  if (!match) return false;
  call.vendor = 'openai-kept';
  const key = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  const id = decodeURIComponent(match.id as string);
  const message = `No such thing: ${id}`;
  const refusal = { status: 404, json: renderError('openai', { status: 404, message }, call.id) };
  const reply: Reply = match.handler(accounts.of(key), id, incoming) ?? refusal;
  const { status, json, type = 'application/json' } = reply;
  call.status = status;
  call.finished = status < 400 ? 'complete' : 'refused';
  call.endedAtMs = Date.now();
  response.writeHead(status, { 'content-type': type, 'x-request-id': `req-${call.number}` });
  response.end(json);
  return true;
}

/** Keeps a response where the caller has not asked for the contrary. */
export function keepResponse(account: Account, body: Json, response: Json): void {
  if (body.store === false) return;
  const id = String(response.id);
  const given: unknown[] = Array.isArray(body.input) ? body.input : [{ role: 'user', content: body.input }];
  const input = given
    .filter(isObject)
    .map((item, at): Json => ({ id: `msg_in_${id}_${at}`, type: 'message', ...item }));
  const looks = body.background === true ? 1 : 0;
  account.responses.set(id, { response: { ...response, store: true }, input, looks });
}

/** A response that is made while nobody waits. */
export const unfinished = (response: Json, status: string): Json => ({
  ...response,
  status,
  background: true,
  output: [],
  usage: null,
});

/** Ids that a call names and the account does not have. */
export function missingFor(account: Account, body: Json): string | null {
  const previous = body.previous_response_id;
  if (typeof previous === 'string' && !account.responses.has(previous))
    return `Previous response with id '${previous}' not found.`;
  return null;
}
