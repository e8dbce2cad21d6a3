import type { JsonObject } from '#core/call.ts';
import type { HeaderList } from '#core/head.ts';
import type { Outcome } from './wire.ts';

/** A request to a source of tools, in modern words whatever the client and the server speak. */
export interface Ask {
  readonly method: string;
  /** With the members of `_meta` that a modern request must have. */
  readonly params: JsonObject;
  readonly caller: Caller;
}

export interface Caller {
  /** Whose sessions and processes serve it. What is suspended goes on for the same one only. */
  readonly principal: string;
  /** Route and server by which it asks: what is suspended goes on by the same way only. */
  readonly place: string;
  /** Headers `mcp-param-…` as they came. */
  readonly paramHeaders: HeaderList;
}

export interface Hearing {
  /** A notification, whole, that belongs to the request. */
  notify(message: JsonObject): void;
  /** Aborted when nobody waits for the outcome any more. */
  readonly signal: AbortSignal;
}

/** Whatever gives out tools, resources and prompts: a server elsewhere, a child process, several of them as one. */
export interface ToolSource {
  /**
   * A `subscriptions/listen` is over when its outcome comes; until then it notifies.
   * @throws Fault when no answer came: what the server itself answers, errors among it, is an outcome.
   */
  ask(ask: Ask, hearing: Hearing): Promise<Outcome>;
}

/** Several of them, by name. */
export type Servers = ReadonlyMap<string, ToolSource>;
