import type { AnswerEvent, FinishReason, StreamState } from '../answer.ts';
import type { CallBrief, Conversation, JsonObject, Loss } from '../call.ts';
import type { Fault } from '../fault.ts';
import type { HeaderList, RequestHead } from '../head.ts';
import type { SseEvent } from '../sse-event.ts';
import type { Framing } from './framing.ts';
import type { Keeping, KeptUse } from './keeping.ts';
import type { Target } from '../target.ts';
import type { Usage } from '../usage.ts';
import type { Surface } from '../work.ts';
import type { CallSocket, CallSocketSettings } from './call-socket.ts';
import type { SessionSide } from './session-side.ts';

/**
 * A wire format of model calls: pure functions over bytes and JSON, no I/O. The client side speaks to whoever calls
 * the gateway, the provider side to whoever answers. Between two dialects everything goes through `Conversation` and
 * `AnswerEvent`, so N dialects need 2·N translators. Every implementation passes test/conformance/dialect.
 */
export interface Dialect {
  readonly name: string;
  /** What kind of work it is for; absent: conversations. Calls are translated within a surface only. */
  readonly surface?: Surface;
  /** Dialects of other surfaces that whoever speaks this one is taken to speak at the same address. */
  readonly besides?: readonly string[];
  /** Below a path prefix of this name its operations stand alone: `/openai/v1/models` is never another dialect's. */
  readonly family: string;
  readonly client: ClientSide;
  readonly provider: ProviderSide;
  /** Sessions of an operation `session`, on both sides; absent: there are none. */
  readonly session?: SessionSide;
}

/** A request path that belongs to a dialect. */
export interface Operation {
  readonly kind: 'chat' | 'work' | 'models' | 'model' | 'count-tokens' | 'kept' | 'call-socket' | 'session';
  readonly method: 'GET' | 'POST' | 'DELETE';
  /**
   * Path below the route's prefix: `/v1/chat/completions`. A name in braces stands for text within one segment, with a plus
   * for text over any number of them: `/v1beta/models/{+model}:generateContent`.
   */
  readonly path: string;
  /** Of `kept` operations. */
  readonly kept?: KeptUse;
}

/** The request line of a call, as its dialect reads it. */
export interface CallLine {
  readonly operation: Operation;
  /** What stood for the names in the operation's path, unescaped. */
  readonly parameters: Readonly<Record<string, string>>;
  /** With its question mark; empty when there is none. */
  readonly query: string;
}

export interface ClientSide {
  readonly operations: readonly Operation[];
  /** Does a request's head mark its sender as a client of this dialect? Decides where dialects share a path. */
  recognizes(head: RequestHead): boolean;
  /** Top-level keys of a body that the gateway acts upon: given twice, they are refused. */
  readonly interpretedKeys: readonly string[];
  /** @throws Fault `request/invalid-field` when an interpreted field has the wrong type. */
  brief(body: JsonObject, line: CallLine): CallBrief;
  /**
   * Paths of fields that name something kept at the provider (files, containers, conversations). The operator's account
   * holds those of all projects, so the name alone is no right to them.
   */
  vendorIds(body: JsonObject): readonly string[];
  /** Finds a piece of text that a body must hold, in its own letters, to name such a thing below its top level; null: none can. */
  readonly vendorIdWords: RegExp | null;
  /** What its providers keep, and so may be named by whoever had it made; absent: nothing may. */
  readonly keeping?: Keeping;
  /** Does it take forms (RFC 7578) where others send JSON? Their fields are given as a JSON object, files as `FormFile`. */
  readonly forms?: true;
  /** Understands the whole call. @throws Fault `request/invalid-field` naming the field. */
  parseCall(body: JsonObject, line: CallLine): Conversation;
  /**
   * The top-level fields to set in a call whose opaque state (proofs of reasoning, encrypted reasoning) is to be replaced:
   * `open` gives what takes a state's place, or null where the state is to be left out, with all that is nothing without it.
   */
  replaceState(body: JsonObject, open: (state: string) => string | null): ReadonlyMap<string, string>;
  /** Renders a whole answer: the body's bytes as text. */
  renderAnswer(events: readonly AnswerEvent[], context: RenderContext): string;
  /** `content-type` of a stream; absent: server-sent events. */
  streamType?(line: CallLine): string;
  /** `latin1`: the text of a stream is bytes, one for each character; absent: UTF-8. */
  readonly streamEncoding?: 'latin1';
  /**
   * Later events of its streams say again what earlier ones said: where a policy reads the answer all are rendered anew, since
   * one that passed as it came could say what the policy took out.
   */
  readonly repeats?: true;
  /** Renders one event into zero or more frames of the stream, as text ready for the wire. Called before `advance`. */
  renderEvent(event: AnswerEvent, state: StreamState, context: RenderContext): string;
  /**
   * Ends a stream at any event: closes open blocks, gives finish reason, usage and the terminal event that clients of
   * this dialect expect. What was sent before is described by `state` alone.
   */
  renderEnding(ending: Ending, state: StreamState, context: RenderContext): string;
  /** A fault as this dialect's error document. The official SDKs raise their proper exception for it. */
  renderFault(
    fault: Fault,
    exchangeId: string,
  ): { readonly headers: readonly string[]; readonly body: string };
  /** Reads the messages of one WebSocket of an operation `call-socket`; absent: there is none. */
  openCallSocket?(settings: CallSocketSettings): CallSocket;
  /** A fault after the stream has begun, as text of the stream. */
  renderFaultEvent(fault: Fault, exchangeId: string, line: CallLine): string;
  renderModels(models: readonly ModelListing[]): string;
  renderModel(model: ModelListing): string;
  /** Name of the response header in which this dialect's clients look for the request's id. */
  readonly requestIdHeader: string;
  /** Rate-limit headers in this dialect's style. */
  limitHeaders(report: LimitReport): string[];
}

export interface RenderContext {
  /** Model name to show: the one the client asked for. */
  readonly model: string;
  readonly exchangeId: string;
  readonly nowS: number;
  /** Does the client expect usage on its stream? */
  readonly wantsUsage: boolean;
  /** The client's request line. */
  readonly line: CallLine;
  /** The client's body, which may say in what form its answer is to come. */
  readonly body: JsonObject;
}

export interface Ending {
  readonly reason: FinishReason;
  readonly usage: Usage | null;
}

export interface ModelListing {
  readonly id: string;
  readonly provider: string;
  readonly createdAtS: number;
}

/** What a limit stands at, for the headers of an answer. Null where no such limit applies. */
export interface LimitReport {
  readonly requests: LimitStand | null;
  readonly tokens: LimitStand | null;
}

export interface LimitStand {
  readonly limit: number;
  readonly remaining: number;
  /** Until the limit is whole again. */
  readonly resetMs: number;
}

/** What is asked of a provider. */
export interface ProviderAsk {
  readonly stream: boolean;
  /** The client's request line where it speaks the same dialect; null where the call is translated. */
  readonly line: CallLine | null;
}

export interface ProviderSide {
  /** Path and query below the provider's base URL. */
  path(target: Target, ask: ProviderAsk): string;
  /** How its streams are cut into events, by their media types; absent: server-sent events alone. */
  readonly framings?: readonly Framing[];
  /** What the media types of answers begin with that pass within the dialect as they come, unread: sound, plain text. */
  readonly unread?: readonly string[];
  /** Headers this dialect always needs, names in lower case. `clientHeaders` are the caller's, same dialect only (else empty). */
  headers(clientHeaders: HeaderList): string[];
  /** Client headers, by name or by prefix ending in `-`, that pass to an upstream of the same dialect. */
  readonly passesHeaders: readonly string[];
  /**
   * Same dialect: the top-level fields to set (a JSON text) or to remove (null) in the caller's own bytes. `body` is
   * the parsed original, `clientHeaders` those that pass.
   */
  relayEdits(
    body: JsonObject,
    target: Target,
    line: CallLine,
    clientHeaders?: HeaderList,
  ): ReadonlyMap<string, string | null>;
  /**
   * Same dialect: the top-level fields to set, on top of `relayEdits`, so that each answer has at most `maxTokens` of output, and what
   * the call then cannot have. Asked where the call's own bound is higher or there is none.
   */
  capOutput(body: JsonObject, maxTokens: number, target: Target): OutputCap;
  /** Same dialect: what of a call the edits leave out because the provider would refuse it; absent: nothing ever is. */
  relayLosses?(body: JsonObject, target: Target): readonly Loss[];
  /** Other dialect: a body, and what it cannot carry. */
  renderCall(
    conversation: Conversation,
    target: Target,
  ): { readonly body: string; readonly losses: readonly Loss[] };
  /** A whole answer as events. @throws Fault `upstream/malformed-answer`. */
  parseAnswer(body: JsonObject, target: Target): AnswerEvent[];
  /** A reader for one stream. */
  eventReader(target: Target): EventReader;
  /**
   * Same dialect, and usage was asked for by the gateway alone: the event as the client would have seen it without.
   * Null when it would not have come at all. `data` is the event's JSON text.
   */
  withoutUsage(data: string): string | null;
  /**
   * Same dialect or another: does this refusal complain of the field by which the gateway, and not the client (whose body
   * is `body`), asked for usage? Left out where usage always comes unasked.
   */
  refusesAskedUsage?(fault: Fault, body: JsonObject): boolean;
  /** An answer with a status of 400 or more, as a fault that any dialect can render. */
  parseFault(status: number, headers: HeaderList, body: Uint8Array): Fault;
  /** What an answer's headers say of the provider's own limits; null when they say nothing. */
  readLimits(headers: HeaderList): LimitReport | null;
  /** Name of the response header that carries the provider's id of the call. */
  readonly requestIdHeader: string;
  /** Of the response header that says how a call was served, where its usage does not; absent: there is none. */
  readonly tierHeader?: string;
  /**
   * How many tokens of a model one of the gateway's own counter is, as measured (docs/token-counting.md). Absent: one.
   */
  tokensPerCounted?(target: Target): number;
}

export interface OutputCap {
  /** JSON texts. */
  readonly edits: ReadonlyMap<string, string>;
  readonly losses: readonly Loss[];
}

export interface EventReader {
  /**
   * Zero or more events for one event of the stream. Must not change the reader's state for an event that yields exactly one
   * `delta` into an open block (the byte scanner relies on it).
   * @throws Fault `upstream/malformed-answer`.
   */
  read(event: SseEvent): AnswerEvent[];
  /**
   * The body has ended: what is still owed, such as stops of open blocks. Gives an `end` only where the end of the body is
   * the dialect's terminal event.
   */
  finish(): AnswerEvent[];
}
