import type { IncomingMessage } from 'node:http';
import { ClientWatch } from './client-watch.ts';
import { deliverJson } from './delivery.ts';
import type { Reply } from './delivery.ts';
import { parseBody } from './model-call.ts';
import type { ModelCall, ScriptStore } from './model-call.ts';
import { ScriptError } from './script.ts';
import { resolveScript } from './script-source.ts';
import { BadRequest, isObject } from './shape.ts';
import type { Json } from './shape.ts';
import { renderJson } from './sse.ts';

/** What of a vendor's API is no conversation: one body in, one answer out. */
export interface WorkVendor {
  name: string;
  /** Does it answer at this path? */
  answers(path: string): boolean;
  keyOf(request: IncomingMessage, url: URL): string | undefined;
  /** @throws BadRequest for everything the vendor refuses. */
  work(body: Json, path: string): WorkDone;
  renderError(status: number, message: string): Json;
}

export interface WorkDone {
  model: string;
  body: Json;
  /** As far as the vendor reports it. */
  usage: Json | null;
  promptTokens: number;
}

/** Answers one call of such, or refuses it as the vendor would. */
export async function answerWork(
  incoming: ModelCall,
  vendor: WorkVendor,
  { store, url }: { store: ScriptStore; url: URL },
): Promise<void> {
  const { request, response, call } = incoming;
  call.vendor = vendor.name;
  const reply: Reply = {
    response,
    call,
    watch: new ClientWatch(response, call),
    script: {},
    acceptsGzip: /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? '')),
    headers: {},
  };
  const refuse = (status: number, message: string): Promise<void> =>
    deliverJson(reply, { status, json: renderJson(vendor.renderError(status, message)) });
  const key = vendor.keyOf(request, url);
  if (!key || key === 'bad-key') return refuse(401, 'invalid api token');
  try {
    call.body = parseBody(incoming.bytes);
    const sources = {
      defaults: store.defaults,
      queued: store.takeQueued(),
      headers: request.headers,
      body: call.body,
    };
    reply.script = call.script = resolveScript(sources);
    if (!isObject(call.body)) throw new BadRequest('', 'The request body must be a JSON object');
    const { status, retryAfter, errorMessage } = reply.script;
    if (status !== undefined && status >= 400) {
      if (retryAfter !== undefined) reply.headers['retry-after'] = String(retryAfter);
      return await refuse(status, errorMessage ?? `Simulated error ${status}`);
    }
    const done = vendor.work(call.body, url.pathname);
    call.model = done.model;
    call.promptTokens = done.promptTokens;
    const body = reply.script.unknownFields ? { ...done.body, sim_unknown: { nested: [1] } } : done.body;
    return await deliverJson(reply, { status: 200, json: renderJson(body), usage: done.usage });
  } catch (error) {
    if (error instanceof BadRequest || error instanceof ScriptError) return refuse(400, error.message);
    throw error;
  }
}

export const bearerOf = ({ headers }: IncomingMessage): string | undefined =>
  /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];

/** Words, roughly: what these vendors count. */
export const tokensOf = (texts: readonly string[]): number =>
  texts.reduce((sum, text) => sum + (text.match(/\S+/g)?.length ?? 0), 0);
