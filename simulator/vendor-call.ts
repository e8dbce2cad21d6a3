import { signatureFlaw } from './aws-signature.ts';
import type { IncomingMessage } from 'node:http';
import { planAnswer } from './answer.ts';
import type { Answer } from './answer.ts';
import { ClientWatch } from './client-watch.ts';
import { deliverJson, deliverStream } from './delivery.ts';
import type { Reply } from './delivery.ts';
import { parseBody, pickHeaders } from './model-call.ts';
import type { ModelCall, ScriptStore } from './model-call.ts';
import { ScriptError } from './script.ts';
import type { Script } from './script.ts';
import { keepResponse, missingFor, unfinished } from './kept-responses.ts';
import { resolveScript } from './script-source.ts';
import { BadRequest, isObject } from './shape.ts';
import type { Json } from './shape.ts';
import { renderJson } from './sse.ts';
import type { Frame } from './sse.ts';
import type { Understood } from './understood.ts';

/** A vendor with one operation. */
export interface Vendor {
  name: string;
  path: string;
  /** Where one path does not say it. */
  answers?(url: URL): boolean;
  /** The key, where it is no bearer token. */
  keyOf?(request: IncomingMessage, url: URL): string | undefined;
  /** It says in its errors when to come back, and not in a header. */
  retriesInBody?: boolean;
  /** For what it refuses; by default 400. */
  badRequestStatus?: number;
  /** Does it keep its answers, for the account, to be named by later calls? */
  keeps?: boolean;
  /** Does it refuse calls without a bearer token? */
  asksKey: boolean;
  /** `content-type` of its streams, where they are no server-sent events. */
  streamType?: string;
  /** @throws BadRequest for everything the vendor refuses. */
  read(body: Json, script: Script, url: URL): Understood;
  renderWhole(answer: Answer, script: Script): { body: Json; usage: Json | null };
  stream(answer: Answer, script: Script, includeUsage: boolean): Generator<Frame>;
  errorFrame(): Frame;
  /** A header that says what kind of error it is. */
  errorHeader?(status: number): [name: string, value: string];
  renderError(status: number, message: string, id: string, retryAfter?: number | string): Json | Json[];
}

/** Answers a call to a vendor's one operation, or refuses it as the vendor would. */
export async function answerVendorCall(
  incoming: ModelCall,
  vendor: Vendor,
  { store, url }: { store: ScriptStore; url: URL },
): Promise<void> {
  const { request, response, call } = incoming;
  call.vendor = vendor.name;
  call.id = `${vendor.name}-sim-${call.number}`;
  const reply: Reply = {
    response,
    call,
    watch: new ClientWatch(response, call),
    script: {},
    acceptsGzip: /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? '')),
    headers: {},
    ...(vendor.streamType !== undefined && { streamType: vendor.streamType }),
  };
  const tell = (status: number): void => {
    const [name, value] = vendor.errorHeader?.(status) ?? [];
    if (name !== undefined && value !== undefined) reply.headers[name] = value;
  };
  /** What is wrong with a request is told at once and whole, whatever the script says. */
  const refuse = (status: number, message: string): Promise<void> => {
    tell(status);
    return deliverJson(
      { ...reply, script: {} },
      { status, json: renderJson(vendor.renderError(status, message, call.id)) },
    );
  };
  const key = vendor.keyOf
    ? vendor.keyOf(request, url)
    : /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  if (key === 'bad-key' || (vendor.asksKey && !key)) return refuse(401, 'invalid api token');
  const flaw = signatureFlaw(request, incoming.bytes, { nowMs: Date.now() });
  if (flaw !== null) return refuse(403, flaw);
  let understood: Understood;
  try {
    call.body = parseBody(incoming.bytes);
    const queued = store.takeQueued();
    const sources = { defaults: store.defaults, queued, headers: request.headers, body: call.body };
    reply.script = call.script = resolveScript(sources);
    if (!isObject(call.body)) throw new BadRequest('', 'The request body must be a JSON object');
    if (typeof call.body.model === 'string') call.model = call.body.model;
    understood = vendor.read(call.body, reply.script, url);
    call.model ??= understood.model;
  } catch (error) {
    if (error instanceof BadRequest || error instanceof ScriptError)
      return refuse(vendor.badRequestStatus ?? 400, error.message);
    throw error;
  }
  const { script } = reply;
  const account = vendor.keeps ? store.accounts.of(key ?? '') : null;
  const missing = account && missingFor(account, call.body);
  if (missing) return refuse(404, missing);
  if (script.status !== undefined && script.status >= 400) {
    if (script.retryAfter !== undefined && !vendor.retriesInBody)
      reply.headers['retry-after'] = String(script.retryAfter);
    tell(script.status);
    const message = script.errorMessage ?? `Simulated error ${script.status}`;
    const json = renderJson(vendor.renderError(script.status, message, call.id, script.retryAfter));
    return deliverJson(reply, { status: script.status, json });
  }
  const answer = planAnswer(understood, script, {
    number: call.number,
    headers: pickHeaders(request.headers),
  });
  call.promptTokens = answer.promptTokens;
  call.stream = understood.stream;
  if (!understood.stream) {
    const { body, usage } = vendor.renderWhole(answer, script);
    if (account) keepResponse(account, call.body, body);
    return deliverJson(reply, {
      status: 200,
      json: renderJson(account && call.body.background === true ? unfinished(body, 'queued') : body),
      tokens: answer.completionTokens,
      usage,
    });
  }
  if (account) keepResponse(account, call.body, vendor.renderWhole(answer, script).body);
  await deliverStream(reply, vendor.stream(answer, script, understood.includeUsage), vendor.errorFrame());
  if (call.finished === 'complete') call.tokensGenerated = answer.completionTokens;
}

/** The one choice that these vendors give. */
export function onlyChoice(answer: Answer): Answer['choices'][number] {
  const [choice] = answer.choices;
  if (!choice) throw new Error('an answer has a choice');
  return choice;
}

/** Refuses other vendors' words, and with `strictKeys` every unknown one. */
export function refuseKeys(
  body: Json,
  script: Script,
  { known, foreign }: { known: ReadonlySet<string>; foreign: ReadonlySet<string> },
): void {
  for (const key of Object.keys(body)) {
    if (foreign.has(key) || (script.strictKeys && !known.has(key)))
      throw new BadRequest(
        key,
        `unknown field: parameter '${key}' is not a valid field`,
        'unknown_parameter',
      );
  }
}
