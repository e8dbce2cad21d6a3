import type { Accounts } from './accounts.ts';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { planAnswer } from './answer.ts';
import { LIVE_VERSIONS, readMessagesRequest } from './anthropic-request.ts';
import type { LiveVersion } from './anthropic-request.ts';
import { renderAnthropicErrorFrame, renderMessage, streamMessage } from './anthropic-messages.ts';
import type { SimulatedCall } from './call-log.ts';
import { ClientWatch } from './client-watch.ts';
import { deliverJson, deliverStream } from './delivery.ts';
import type { Reply } from './delivery.ts';
import { readChatRequest } from './openai-request.ts';
import { renderCompletion, renderOpenAiErrorFrame, streamCompletion } from './openai-chat.ts';
import { ScriptError } from './script.ts';
import type { Script } from './script.ts';
import { resolveScript } from './script-source.ts';
import { BadRequest, isObject } from './shape.ts';
import { renderJson } from './sse.ts';
import { countPromptTokens } from './understood.ts';
import type { Understood } from './understood.ts';
import { limitHeaders, renderError } from './vendor-errors.ts';
import type { VendorError, VendorName } from './vendor-errors.ts';

/** One call to a vendor's API, its body read. */
export interface ModelCall {
  request: IncomingMessage;
  response: ServerResponse;
  call: SimulatedCall;
  bytes: Buffer;
}

export interface ScriptStore {
  defaults: Script;
  takeQueued(): Script | undefined;
  accounts: Accounts;
}

/** Answers a chat or messages call, or refuses it as the vendor would. */
export async function answerModelCall(
  incoming: ModelCall,
  vendor: VendorName,
  store: ScriptStore,
): Promise<void> {
  const reply = openReply(incoming, vendor);
  const { call } = reply;
  call.id = vendor === 'openai' ? `chatcmpl-sim-${call.number}` : `msg_sim_${call.number}`;
  let understood: Understood;
  try {
    understood = readRequest(incoming, { vendor, reply, store, counting: false });
  } catch (error) {
    return refuse(reply, vendor, error);
  }
  const { script } = reply;
  if (script.status !== undefined && script.status >= 400)
    return sendScriptedError(reply, vendor, script.status);
  const answer = planAnswer(understood, script, {
    number: call.number,
    headers: pickHeaders(incoming.request.headers),
  });
  call.promptTokens = answer.promptTokens;
  call.stream = understood.stream;
  if (!understood.stream) {
    const { body, usage } =
      vendor === 'openai' ? renderCompletion(answer, script) : renderMessage(answer, script);
    const json = renderJson(body);
    return deliverJson(reply, { status: 200, json, tokens: answer.completionTokens, usage });
  }
  const [frames, errorFrame] =
    vendor === 'openai'
      ? [streamCompletion(answer, script, understood.includeUsage), renderOpenAiErrorFrame()]
      : [streamMessage(answer, script), renderAnthropicErrorFrame(requestId(call))];
  await deliverStream(reply, frames, errorFrame);
  if (call.finished === 'complete') call.tokensGenerated = answer.completionTokens;
}

/** Answers `POST /v1/messages/count_tokens`. */
export async function answerTokenCount(incoming: ModelCall, store: ScriptStore): Promise<void> {
  const reply = openReply(incoming, 'anthropic');
  try {
    const understood = readRequest(incoming, { vendor: 'anthropic', reply, store, counting: true });
    reply.call.promptTokens = countPromptTokens(understood);
  } catch (error) {
    return refuse(reply, 'anthropic', error);
  }
  await deliverJson(reply, { status: 200, json: renderJson({ input_tokens: reply.call.promptTokens }) });
}

/** Answers `GET /v1/models` in the shape of the vendor whose headers the request bears. */
export async function answerModelList(incoming: ModelCall): Promise<void> {
  const vendor: VendorName = incoming.request.headers['anthropic-version'] ? 'anthropic' : 'openai';
  const reply = openReply(incoming, vendor);
  const names = ['sim-large', 'sim-small', 'sim-x'];
  try {
    authenticate(incoming.request.headers, vendor);
  } catch (error) {
    return refuse(reply, vendor, error);
  }
  const created = 1_780_000_000;
  const list =
    vendor === 'openai'
      ? { object: 'list', data: names.map((id) => ({ id, object: 'model', created, owned_by: 'simulator' })) }
      : {
          data: names.map((id) => ({
            type: 'model',
            id,
            display_name: id,
            created_at: '2026-05-28T00:00:00Z',
          })),
          has_more: false,
          first_id: names[0],
          last_id: names.at(-1),
        };
  await deliverJson(reply, { status: 200, json: renderJson(list) });
}

/** Answers 404 or 405 in the shape of the vendor whose headers the request bears. */
export async function answerUnknown(incoming: ModelCall, status: 404 | 405): Promise<void> {
  const { method, url, headers } = incoming.request;
  const vendor: VendorName = headers['anthropic-version'] ? 'anthropic' : 'openai';
  const reply = openReply(incoming, vendor);
  const message = status === 404 ? `Invalid URL (${method} ${url})` : `Not allowed to ${method} on ${url}`;
  await sendError(reply, vendor, { status, message, code: 'unknown_url' });
}

/** Answers 413 for a body that was not read to its end. */
export async function answerTooLarge(incoming: ModelCall, vendor: VendorName): Promise<void> {
  const reply = openReply(incoming, vendor);
  reply.headers.connection = 'close';
  await sendError(reply, vendor, { status: 413, message: 'Request exceeds the maximum size' });
}

class Unauthorized extends Error {}

interface Reading {
  vendor: VendorName;
  reply: Reply;
  store: ScriptStore;
  counting: boolean;
}

function readRequest(
  { request, bytes, call }: ModelCall,
  { vendor, reply, store, counting }: Reading,
): Understood {
  authenticate(request.headers, vendor);
  const type = request.headers['content-type'];
  if (!type?.toLowerCase().startsWith('application/json')) {
    throw new BadRequest('', `Content-Type must be application/json, not ${type ?? 'absent'}`);
  }
  call.body = parseBody(bytes);
  const queued = counting ? undefined : store.takeQueued();
  const script = resolveScript({
    defaults: store.defaults,
    queued,
    headers: request.headers,
    body: call.body,
  });
  reply.script = call.script = script;
  if (script.rateLimitRemaining !== undefined) {
    Object.assign(reply.headers, limitHeaders(vendor, script.rateLimitRemaining));
  }
  if (!isObject(call.body)) throw new BadRequest('', 'The request body must be a JSON object');
  if (typeof call.body.model === 'string') call.model = call.body.model;
  if (vendor === 'openai') return readChatRequest(call.body, script);
  const version = readVersion(request.headers['anthropic-version']);
  return readMessagesRequest(call.body, { version, script, counting });
}

export function parseBody(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new BadRequest('', 'We could not parse the JSON body of your request.');
  }
}

function authenticate(headers: IncomingHttpHeaders, vendor: VendorName): void {
  const bearer = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
  const key = vendor === 'anthropic' ? (headers['x-api-key'] ?? bearer) : bearer;
  if (!key) {
    throw new Unauthorized(
      vendor === 'anthropic' ? 'x-api-key header is required' : "You didn't provide an API key.",
    );
  }
  if (key === 'bad-key') throw new Unauthorized('Incorrect API key provided: bad-key.');
}

function readVersion(value: string | string[] | undefined): LiveVersion {
  if (value === undefined) throw new BadRequest('', 'anthropic-version: header is required');
  const version = LIVE_VERSIONS.find((live) => live === value);
  if (!version) throw new BadRequest('', `anthropic-version: "${String(value)}" is not a valid version`);
  return version;
}

function openReply({ request, response, call }: ModelCall, vendor: VendorName): Reply {
  call.vendor = vendor;
  const id = requestId(call);
  const own: Record<string, string> =
    vendor === 'openai'
      ? { 'x-request-id': id, 'openai-version': '2020-10-01', 'openai-processing-ms': '7' }
      : { 'request-id': id, 'anthropic-organization-id': 'org-sim' };
  return {
    response,
    call,
    watch: new ClientWatch(response, call),
    script: {},
    acceptsGzip: /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? '')),
    headers: { ...own, ...limitHeaders(vendor, 9_999) },
  };
}

function requestId(call: SimulatedCall): string {
  return `req_sim_${call.number}`;
}

function refuse(reply: Reply, vendor: VendorName, error: unknown): Promise<void> {
  if (error instanceof Unauthorized) return sendError(reply, vendor, { status: 401, message: error.message });
  if (error instanceof ScriptError) {
    return sendError(reply, vendor, { status: 400, message: error.message, type: 'simulator_script_error' });
  }
  if (error instanceof BadRequest) {
    const { message, where, code } = error;
    return sendError(reply, vendor, { status: 400, message, param: where || null, code });
  }
  throw error;
}

function sendError(reply: Reply, vendor: VendorName, error: VendorError): Promise<void> {
  // What is wrong with a request is told at once and whole, whatever the script says.
  const plain: Reply = { ...reply, script: {} };
  const json = renderError(vendor, error, requestId(reply.call));
  return deliverJson(plain, { status: error.status, json });
}

function sendScriptedError(reply: Reply, vendor: VendorName, status: number): Promise<void> {
  const { script } = reply;
  if (script.retryAfter !== undefined) reply.headers['retry-after'] = String(script.retryAfter);
  if (status === 429) Object.assign(reply.headers, limitHeaders(vendor, script.rateLimitRemaining ?? 0));
  const message = script.errorMessage ?? `Simulated error ${status}`;
  const json = renderError(vendor, { status, message, type: script.errorType }, requestId(reply.call));
  return deliverJson(reply, { status, json });
}

/** The headers an echo shows: credentials are told by their kind, never by their value. */
export function pickHeaders(headers: IncomingHttpHeaders): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (/^(anthropic-|openai-|x-sluice-|x-stainless-|user-agent$|accept|content-type$)/.test(name))
      shown[name] = value;
  }
  const { authorization } = headers;
  shown.credential = headers['x-api-key'] ? 'x-api-key' : authorization ? 'authorization' : null;
  return shown;
}
