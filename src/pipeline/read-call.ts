import { isUtf8 } from 'node:buffer';
import type { CallBrief, Conversation, JsonObject } from '#core/call.ts';
import { estimateTokens } from '#core/contracts/token-counter.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import { boundaryOf, parseForm, type Form } from '#core/form.ts';
import { headerOf } from '#core/head.ts';
import { refuseDuplicates, scanFields } from '#core/json.ts';
import { parseJson } from '#core/parse-json.ts';
import type { ResolvedModel } from '#core/snapshot.ts';
import { matchesAny } from '#core/name-pattern.ts';
import { bodyLimit } from './body-limit.ts';
import { chooseByModel } from './choose-route.ts';
import { findMedia } from './inlined-media.ts';
import { holderOf } from './kept/ownership.ts';
import type { Passage } from './passage.ts';
import type { ModelCall } from './model-call.ts';
import { readPlainBody } from './plain-body.ts';
import { reviseCall } from './revise-call.ts';

/**
 * Reads and understands a call's body.
 * @throws Fault naming what is wrong with it, or `model/not-found`.
 */
export async function readCall(
  passage: Passage,
  { dialect, line }: Pick<ModelCall, 'dialect' | 'line'>,
): Promise<ModelCall> {
  const { exchange } = passage;
  const bytes = await readPlainBody(exchange, bodyLimit(passage));
  const read = parseCallBody(exchange, { dialect, line }, bytes);
  const { brief, json } = read;
  const found = routeByModel(passage, brief.model);
  const pending = holderOf(passage, dialect, { json, text: read.text });
  const holder = pending instanceof Promise ? await pending : pending;
  exchange.strict = isStrict(passage);
  exchange.revise = (revised) => reviseCall(passage, revised);
  exchange.readCall = (body) => dialect.client.parseCall(body, line);
  return modelCall(read, useModel(passage, brief.model, found), holder);
}

function routeByModel(passage: Passage, name: string): ResolvedModel | null {
  const found = passage.gateway.models.find(name);
  // Any of its names: who writes it otherwise gets no other route.
  if (passage.route.siblings) chooseByModel(passage, found ? [name, ...found.knownAs] : [name]);
  return found;
}

/** @throws Fault `model/not-found` */
function useModel(passage: Passage, name: string, found: ResolvedModel | null): ResolvedModel {
  const { exchange } = passage;
  if (!found || !isRouted(passage, name)) {
    const message = `There is no model "${name}". GET the list of models for their names.`;
    throw new Fault('model/not-found', message, { field: 'model' });
  }
  exchange.countedModel = found.countedAs;
  exchange.modelNames = found.knownAs;
  return found;
}

/**
 * A call that came without a body, for a model that its request line names; `json` says in its place what can be said of it.
 * @throws Fault `model/not-found`
 */
export function bodilessCall(
  passage: Passage,
  { dialect, line }: Pick<ModelCall, 'dialect' | 'line'>,
  { name, json }: { readonly name: string; readonly json: JsonObject },
): ModelCall {
  const { exchange } = passage;
  const brief: CallBrief = {
    model: name,
    stream: true,
    maxOutputTokens: null,
    choices: 1,
    wantsUsage: true,
  };
  exchange.brief = brief;
  const model = useModel(passage, name, routeByModel(passage, name));
  return {
    dialect,
    line,
    brief,
    model,
    bytes: Buffer.alloc(0),
    json,
    fields: [],
    form: null,
    holder: null,
    conversation: () => dialect.client.parseCall(json, line),
  };
}

export interface ReadBody extends Omit<ModelCall, 'model' | 'holder'> {
  /** One character for each byte. */
  readonly text: string;
}

/** Puts what a body says on the exchange. @throws Fault naming what is wrong with it. */
export function parseCallBody(
  exchange: Exchange,
  { dialect, line }: Pick<ModelCall, 'dialect' | 'line'>,
  bytes: Buffer,
): ReadBody {
  const { client } = dialect;
  const contentType = client.forms && headerOf(exchange.head.headers, 'content-type');
  const boundary = contentType ? boundaryOf(contentType) : null;
  const form = boundary === null ? null : parseForm(bytes, contentType!, boundary);
  const json = form?.json ?? parseObject(bytes);
  // Of a form nothing is parsed but what its fields are.
  const text = form ? '' : bytes.toString('latin1');
  const fields = form?.fields ?? scanFields(text);
  refuseDuplicates(fields, client.interpretedKeys);
  const brief = client.brief(json, line);
  exchange.json = json;
  exchange.brief = brief;
  exchange.estimatedInput = form ? estimateForm(form) : estimateInput(text);
  let parsed: Conversation | null = null;
  const conversation = () => (parsed ??= client.parseCall(json, line));
  exchange.conversation = conversation;
  return { dialect, line, brief, bytes, json, fields, form, text, conversation };
}

/** Field by field: it is made for every call, and need not hold on to the text. */
export const modelCall = (
  { dialect, line, brief, bytes, json, fields, form, conversation }: ReadBody,
  model: ResolvedModel,
  holder: string | null = null,
): ModelCall => ({ dialect, line, brief, model, bytes, json, fields, form, holder, conversation });

export function parseObject(bytes: Buffer): JsonObject {
  if (bytes.length === 0)
    throw new Fault('request/body-not-json', 'The body is empty; a JSON object was expected.');
  if (!isUtf8(bytes)) throw new Fault('request/body-not-json', 'The body is not valid UTF-8.');
  let parsed: unknown;
  try {
    parsed = parseJson(bytes.toString('utf8'));
  } catch (error) {
    throw new Fault(
      'request/body-not-json',
      `The body is not JSON: ${(error as Error).message.slice(0, 200)}`,
    );
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new Fault('request/body-not-json', 'The body is JSON, but not an object.');
  }
  return parsed as JsonObject;
}

/** What a picture of ordinary size is billed as, give or take. */
const tokensOfMedia = 1500;

/** Tokens the body will be, by its bytes. Inlined media are not text: each counts as a picture. */
function estimateInput(text: string): number {
  const media = findMedia(text);
  return estimateTokens(text.length - media.characters) + media.count * tokensOfMedia;
}

/** Files are not text: each counts as a picture. */
function estimateForm({ json }: Form): number {
  let tokens = 0;
  for (const value of Object.values(json))
    for (const one of Array.isArray(value) ? value : [value])
      tokens += typeof one === 'string' ? estimateTokens(Buffer.byteLength(one)) : tokensOfMedia;
  return tokens;
}

function isStrict({ exchange, route }: Passage): boolean {
  const wish = headerOf(exchange.head.headers, 'x-sluice-strict');
  if (wish !== undefined) return wish !== 'false' && wish !== '0';
  return route.route.kind === 'llm' && route.route.strict;
}

/** Models outside the route's list do not exist on it. Permission of the consumer is the policies' business. */
function isRouted({ route }: Passage, model: string): boolean {
  const { route: settings } = route;
  return settings.kind === 'llm' && (settings.models === null || matchesAny(settings.models, model));
}
