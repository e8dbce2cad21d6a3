import { Fault } from '#core/fault.ts';
import { headerOf } from '#core/head.ts';
import type { Provider } from '#core/target.ts';
import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';
import { bodyLimit } from '../body-limit.ts';
import type { Answer } from '../answer.ts';
import { isOffered } from '../list-models.ts';
import type { Passage } from '../passage.ts';
import { RequestBody } from '../request-body.ts';
import { deliver, documentIn } from './deliver.ts';
import { attemptKept } from './kept-attempt.ts';
import { keptRequest, type KeptBody, type KeptCall } from './kept-request.ts';
import { noteThings } from './note.ts';

/** By it a caller says at which provider something is to be made, where no model says it. */
export const providerHeader = 'x-sluice-provider';

/**
 * Something is to be made at a provider: the body goes on as it comes, and what was made is the caller's.
 * @throws Fault
 */
export function makeKept(passage: Passage, call: KeptCall): () => Promise<Answer> {
  const body = formOf(passage);
  const provider = chosenProvider(passage, call);
  const { dialect } = call;
  return async () => {
    const request = keptRequest(passage, call, { provider, body });
    const made = await attemptKept({ passage, dialect, provider, request, reads: 'json' });
    if (made.type === 'whole') noteMade(passage, call, { provider, answer: documentIn(made.body) });
    return deliver(passage, made);
  };
}

/** What was made is the caller's. Null where the answer names nothing. */
export function noteMade(
  passage: Passage,
  { dialect, use }: KeptCall,
  { provider, answer }: { readonly provider: Provider; readonly answer: JsonObject },
): string | null {
  const document = use.documentIn ? use.documentIn(answer) : answer;
  if (!isObject(document)) return null;
  const id = document['id'] ?? document['name'];
  if (typeof id !== 'string') return null;
  const untilMs = use.batch ? null : (dialect.client.keeping?.expiryOf?.(document) ?? null);
  noteThings(passage, [{ id, kind: use.thing }], {
    provider: provider.name,
    forMs: untilMs === null ? null : Math.max(0, untilMs - passage.gateway.clock.nowMs()),
    document: JSON.stringify(document),
  });
  return id;
}

/** As it flows: a file may be larger than what is held here. @throws Fault */
function formOf(passage: Passage): KeptBody {
  const { head } = passage.exchange;
  const contentType = headerOf(head.headers, 'content-type') ?? '';
  if (!/^multipart\/form-data *;/i.test(contentType)) {
    const message = `The body is "${contentType.slice(0, 100)}"; a form (multipart/form-data) with a file was expected.`;
    throw new Fault('request/invalid-field', message, { status: 415, field: 'content-type' });
  }
  return { content: flowingBody(passage), contentType };
}

/** The body as it flows. @throws Fault */
export function flowingBody(passage: Pick<Passage, 'exchange' | 'route'>): RequestBody {
  const { exchange } = passage;
  const { head, inbound } = exchange;
  const encoding = headerOf(head.headers, 'content-encoding') ?? 'identity';
  if (encoding.trim().toLowerCase() !== 'identity') {
    const message = 'A file is taken as it is, without a content-encoding.';
    throw new Fault('request/invalid-field', message, { status: 415, field: 'content-encoding' });
  }
  const limitBytes = bodyLimit(passage);
  if (head.contentLength !== null && head.contentLength > limitBytes) {
    const message = `The body is larger than the ${limitBytes} bytes this route allows (bodyLimit).`;
    throw new Fault('request/body-too-large', message);
  }
  return new RequestBody(inbound.body, exchange, { limitBytes, keepBytes: 0 });
}

/** The one named, else the first. Only those whose models the caller may use here. @throws Fault */
export function chosenProvider(passage: Passage, { dialect }: KeptCall): Provider {
  const { exchange, gateway } = passage;
  const offered = providersOffered(passage)
    .map((provider) => gateway.speaking(provider, dialect))
    .filter((provider) => provider?.dialect === dialect.name)
    .filter((provider) => provider !== null);
  const wanted = headerOf(exchange.head.headers, providerHeader);
  const chosen = wanted === undefined ? offered[0] : offered.find(({ name }) => name === wanted);
  if (chosen) return chosen;
  const names = [...new Set(offered.map(({ name }) => name))].join(', ') || 'none';
  const message =
    wanted === undefined
      ? `No provider that you may use here takes files in ${dialect.name}.`
      : `"${wanted.slice(0, 100)}" is no provider that takes files here. Those that you may name are: ${names}.`;
  throw new Fault('request/invalid-field', message, { status: 404, field: providerHeader });
}

/** Each of whose models the caller may use one here, in the order of the models. */
function providersOffered(passage: Passage): Provider[] {
  const { models, openProviders } = passage.gateway.snapshot;
  const offered = new Set<Provider>();
  for (const { name, targets } of Object.values(models))
    if (isOffered(passage, name)) for (const { provider } of targets) offered.add(provider);
  for (const { provider } of openProviders)
    if (isOffered(passage, `${provider.name}/*`)) offered.add(provider);
  return [...offered];
}
