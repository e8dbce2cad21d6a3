import type { Conversation, Loss } from '#core/call.ts';
import type { Dialect } from '#core/contracts/dialect.ts';
import type { UpstreamRequest } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';
import type { HeaderList } from '#core/head.ts';
import { spliceForm } from '#core/form.ts';
import { scanFields, spliceFields } from '#core/json.ts';
import { holdsState, openConversation, openState } from '#core/opaque-state.ts';
import type { Target } from '#core/target.ts';
import { attemptSpan, traceHeaders } from '#core/trace-context.ts';
import type { Continuation } from './continuation.ts';
import type { ModelCall } from './model-call.ts';
import { outputCap } from './output-cap.ts';
import type { Passage } from './passage.ts';
import { revisedBody } from './revised-body.ts';

export interface OutboundCall {
  readonly request: UpstreamRequest;
  readonly dialect: Dialect;
  /** Client and provider speak the same dialect. */
  readonly same: boolean;
  /** The bound on output that the gateway put in the place of the call's own; null: that stands. */
  readonly maxTokens: number | null;
}

export interface OutboundTry {
  readonly target: Target;
  readonly continuation: Continuation | null;
  /** Of the attempt. */
  readonly number: number;
}

/**
 * The call as the target is to receive it. In the same dialect the caller's own bytes, but for the few fields that must
 * change; in another one a translation, with what it could not carry put on the exchange.
 * @throws Fault `dialect/not-carried` in strict mode.
 */
export function renderOutbound(
  passage: Passage,
  call: ModelCall,
  { target, continuation, number }: OutboundTry,
): OutboundCall {
  const { exchange, gateway } = passage;
  const { provider } = target;
  const dialect = gateway.dialects.get(provider.dialect)!;
  const same = dialect === call.dialect && continuation === null;
  const endpoint = gateway.endpoint(provider);
  const maxTokens = outputCap(passage, call);
  const clientHeaders = same ? passingHeaders(exchange.head.headers, dialect.provider.passesHeaders) : [];
  const relayed = same ? relayedCall(passage, call, { dialect, target }) : null;
  const body = relayed
    ? relay(passage, relayed, { dialect, target, clientHeaders, maxTokens: maxTokens ?? revisedCap(call) })
    : translate(passage, capped(continuation?.conversation(call) ?? call.conversation(), maxTokens), {
        dialect,
        target,
      });
  const headers = [
    ...endpoint.headers,
    ...dialect.provider.headers(clientHeaders),
    'content-type',
    (same && call.form?.contentType) || 'application/json',
    'accept',
    acceptOf(call, dialect),
    // We read the answer: a compressed one would have to be unpacked first.
    'accept-encoding',
    'identity',
    'x-sluice-exchange',
    exchange.id,
    ...traceHeaders(exchange.trace, attemptSpan(exchange.trace, number)),
  ];
  return {
    dialect,
    same,
    maxTokens,
    request: {
      origin: endpoint.origin,
      method: 'POST',
      path:
        endpoint.pathPrefix +
        dialect.provider.path(target, { stream: call.brief.stream, line: same ? call.line : null }),
      headers: editHeaders(headers, exchange.upstreamHeaders),
      body,
      timeouts: provider.timeouts,
      idempotent: false,
      upgrade: null,
    },
  };
}

function acceptOf({ brief }: ModelCall, { provider }: Dialect): string {
  if (provider.unread) return '*/*';
  if (!brief.stream) return 'application/json';
  return provider.framings?.[0]?.mediaType ?? 'text/event-stream';
}

/** The call whose bytes can be relayed; null where policies have made one that must be written anew. */
function relayedCall(
  passage: Passage,
  call: ModelCall,
  { dialect, target }: Pick<RelayedTo, 'dialect' | 'target'>,
): ModelCall | null {
  if (!call.came) return call;
  const revised = revisedBody(call, dialect, target);
  if (revised === null) return null;
  const { json, losses } = revised;
  if (losses.length > 0) {
    passage.exchange.losses.push(...losses);
    refuseIfStrict(passage, target);
  }
  const bytes = Buffer.from(JSON.stringify(json));
  return { ...call, json, bytes, fields: scanFields(bytes.toString('latin1')) };
}

/** The bound on output that a policy put in the place of the call's own. */
function revisedCap({ came, brief }: ModelCall): number | null {
  return came && came.maxOutputTokens !== brief.maxOutputTokens ? brief.maxOutputTokens : null;
}

interface RelayedTo {
  readonly dialect: Dialect;
  readonly target: Target;
  readonly clientHeaders: HeaderList;
  readonly maxTokens: number | null;
}

function relay(passage: Passage, call: ModelCall, to: RelayedTo): Buffer {
  const { provider } = to.dialect;
  const cap = to.maxTokens === null ? null : provider.capOutput(call.json, to.maxTokens, to.target);
  const losses = [...(provider.relayLosses?.(call.json, to.target) ?? []), ...(cap?.losses ?? [])];
  if (losses.length > 0) {
    passage.exchange.losses.push(...losses);
    refuseIfStrict(passage, to.target);
  }
  const own = editsOf(call, to);
  const edits = cap ? new Map([...own, ...cap.edits]) : own;
  return call.form ? spliceForm(call.bytes, call.form, edits) : spliceFields(call.bytes, call.fields, edits);
}

/** State that is marked as a provider's came here by way of another dialect: its maker gets it back as it was. */
function editsOf({ bytes, json, line }: ModelCall, { dialect, target, clientHeaders }: RelayedTo) {
  const edits = dialect.provider.relayEdits(json, target, line, clientHeaders);
  if (!holdsState(bytes)) return edits;
  const { name } = target.provider;
  return new Map([...edits, ...dialect.client.replaceState(json, (state) => openState(state, name, 'keep'))]);
}

function capped(conversation: Conversation, maxTokens: number | null): Conversation {
  if (maxTokens === null) return conversation;
  const { maxOutputTokens } = conversation;
  return { ...conversation, maxOutputTokens: Math.min(maxOutputTokens ?? maxTokens, maxTokens) };
}

const isAmong = (losses: readonly Loss[], { field }: Loss): boolean =>
  losses.some((loss) => loss.field === field);

function translate(
  passage: Passage,
  conversation: Conversation,
  to: { dialect: Dialect; target: Target },
): Buffer {
  const { exchange } = passage;
  const opened = openConversation(conversation, to.target.provider.name);
  const { body, losses } = to.dialect.provider.renderCall(opened.conversation, to.target);
  exchange.losses.push(...opened.losses, ...losses.filter((loss) => !isAmong(opened.losses, loss)));
  refuseIfStrict(passage, to.target);
  return Buffer.from(body);
}

function refuseIfStrict({ exchange }: Passage, { provider, model }: Target): void {
  if (!exchange.strict || exchange.losses.length === 0) return;
  const named = exchange.losses.map((loss) => `${loss.field} (${loss.reason})`).join('; ');
  throw new Fault(
    'dialect/not-carried',
    `The target "${provider.name}/${model}" cannot carry: ${named}. Leave it out, or allow ` +
      'it to be dropped with "x-sluice-strict: false".',
    { field: exchange.losses[0]!.field },
  );
}

/** Those of the client's headers that belong to the dialect. A name that ends in `-` stands for all that begin so. */
export function passingHeaders(headers: readonly string[], names: readonly string[]): string[] {
  const passing: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const header = headers[i]!;
    if (names.some((name) => name === header || (name.endsWith('-') && header.startsWith(name)))) {
      passing.push(header, headers[i + 1]!);
    }
  }
  return passing;
}

/** Applies the policies' changes, in order. */
export function editHeaders(
  headers: readonly string[],
  edits: readonly { readonly name: string; readonly value: string | null; readonly add: boolean }[],
): readonly string[] {
  if (edits.length === 0) return headers;
  let edited = [...headers];
  for (const { name, value, add } of edits) {
    if (!add) edited = edited.filter((_, i) => edited[i - (i % 2)] !== name);
    if (value !== null) edited.push(name, value);
  }
  return edited;
}
