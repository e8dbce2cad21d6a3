import type { IncomingMessage } from 'node:http';
import { anthropicKept } from './kept-anthropic.ts';
import { geminiKept } from './kept-gemini.ts';
import { openaiKept } from './kept-openai.ts';
import type { KeptOperation, KeptReply } from './kept-operation.ts';
import type { ModelCall, ScriptStore } from './model-call.ts';
import type { Json } from './shape.ts';
import { renderJson } from './sse.ts';
import { renderError } from './vendor-errors.ts';

interface Keeper {
  name: string;
  operations: readonly KeptOperation[];
  key: string;
  renderError(status: number, message: string, id: string): string;
}

/** Whose API a request's headers speak. */
function keeperOf({ headers }: IncomingMessage): Keeper {
  const bearer = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? '';
  if (headers['anthropic-version'] !== undefined)
    return {
      name: 'anthropic-kept',
      operations: anthropicKept,
      key: String(headers['x-api-key'] ?? bearer),
      renderError: (status, message, id) => renderError('anthropic', { status, message }, id),
    };
  if (headers['x-goog-api-key'] !== undefined)
    return {
      name: 'gemini-kept',
      operations: geminiKept,
      key: String(headers['x-goog-api-key']),
      renderError: (code, message) => {
        const error: Json = { code, message, status: code === 404 ? 'NOT_FOUND' : 'INVALID_ARGUMENT' };
        return renderJson({ error });
      },
    };
  return {
    name: 'openai-kept',
    operations: openaiKept,
    key: bearer,
    renderError: (status, message, id) => renderError('openai', { status, message }, id),
  };
}

/** Answers a call about what the caller's account keeps. False when the path is no such. */
export function answerKept(incoming: ModelCall, url: URL, store: ScriptStore): boolean {
  const { request, response, call } = incoming;
  const keeper = keeperOf(request);
  const match = keeper.operations
    .map(([method, path, handler]) => ({
      handler,
      id: method === request.method && path.exec(url.pathname)?.[1],
    }))
    .find(({ id }) => typeof id === 'string');
  if (!match) return false;
  call.vendor = keeper.name;
  const id = decodeURIComponent(match.id as string);
  const refusal = { status: 404, json: keeper.renderError(404, `No such thing: ${id}`, call.id) };
  const reply: KeptReply = match.handler(store.accounts.of(keeper.key), id, incoming, store) ?? refusal;
  const { status, json, type = 'application/json', headers = {} } = reply;
  const requestId = keeper.name === 'anthropic-kept' ? 'request-id' : 'x-request-id';
  const answer = (): void => {
    call.status = status;
    call.finished = status < 400 ? 'complete' : 'refused';
    call.endedAtMs = Date.now();
    response.writeHead(status, { 'content-type': type, [requestId]: `req-${call.number}`, ...headers });
    response.end(json);
  };
  const { latencyMs = 0 } = store.defaults;
  if (latencyMs > 0) setTimeout(answer, latencyMs);
  else answer();
  return true;
}
