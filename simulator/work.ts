import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ClientWatch } from './client-watch.ts';
import { deliverJson, deliverStream } from './delivery.ts';
import type { Reply } from './delivery.ts';
import { parseBody } from './model-call.ts';
import type { ModelCall, ScriptStore } from './model-call.ts';
import { ScriptError } from './script.ts';
import { resolveScript } from './script-source.ts';
import { BadRequest, isObject } from './shape.ts';
import type { Json } from './shape.ts';
import { renderJson } from './sse.ts';
import type { Frame } from './sse.ts';

/** What of a vendor's API is no conversation: one body in, one answer out. */
export interface WorkVendor {
  name: string;
  /** Does it answer at this path? */
  answers(path: string): boolean;
  keyOf(request: IncomingMessage, url: URL): string | undefined;
  /** @throws BadRequest for everything the vendor refuses. */
  work(body: Json, path: string): WorkDone;
  /** What its streams say when they break. */
  errorFrame?: Frame;
  renderError(status: number, message: string): Json;
}

export interface WorkDone {
  model: string;
  /** Text goes out as it is; frames are a stream. */
  body: Json | string | Iterable<Frame>;
  /** Of what is no JSON. */
  contentType?: string;
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
    const type = String(request.headers['content-type'] ?? '');
    call.body = type.startsWith('multipart/')
      ? await readForm(incoming.bytes, type)
      : parseBody(incoming.bytes);
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
    if (isFrames(done.body)) {
      if (done.contentType) reply.streamType = done.contentType;
      return await deliverStream(reply, done.body, vendor.errorFrame ?? { kind: 'other', data: '' });
    }
    if (typeof done.body === 'string')
      return await deliverJson(reply, {
        status: 200,
        json: done.body,
        contentType: done.contentType ?? 'text/plain',
      });
    const body = reply.script.unknownFields ? { ...done.body, sim_unknown: { nested: [1] } } : done.body;
    return await deliverJson(reply, { status: 200, json: renderJson(body), usage: done.usage });
  } catch (error) {
    if (error instanceof BadRequest || error instanceof ScriptError) return refuse(400, error.message);
    throw error;
  }
}

export const bearerOf = ({ headers }: IncomingMessage): string | undefined =>
  /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];

const isFrames = (body: WorkDone['body']): body is Iterable<Frame> =>
  typeof body === 'object' && Symbol.iterator in body;

/** Texts as they are, files by their name, type and sum. */
async function readForm(bytes: Buffer, contentType: string): Promise<Json> {
  const fields: Json = {};
  let form: FormData;
  try {
    form = await new Response(bytes, { headers: { 'content-type': contentType } }).formData();
  } catch {
    throw new BadRequest('', 'Could not parse multipart form');
  }
  for (const [name, value] of form) {
    const shown = typeof value === 'string' ? value : await fileOf(value);
    const before = fields[name];
    fields[name] = before === undefined ? shown : [before, shown].flat();
  }
  return fields;
}

async function fileOf(file: File): Promise<Json> {
  const sum = createHash('sha256')
    .update(Buffer.from(await file.arrayBuffer()))
    .digest('hex');
  return { name: file.name, type: file.type, size: file.size, sha256: sum };
}

/** Words, roughly: what these vendors count. */
export const tokensOf = (texts: readonly string[]): number =>
  texts.reduce((sum, text) => sum + (text.match(/\S+/g)?.length ?? 0), 0);
