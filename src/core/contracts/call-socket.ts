import type { JsonObject } from '../call.ts';
import type { Fault } from '../fault.ts';
import type { HeaderList } from '../head.ts';

/**
 * Calls that come as messages over one WebSocket, each answered by messages. Holds what the dialect lets later calls refer
 * to, so there is one for each WebSocket.
 */
export interface CallSocket {
  /** @throws Fault `request/invalid-field` or `dialect/unsupported`: the message asks for nothing that is offered. */
  read(message: JsonObject): SocketCall;
  /** Why a message is not answered. */
  renderFault(fault: Fault, exchangeId: string, message: JsonObject | null): string;
}

export interface SocketCall {
  /** Calls of one lane are answered one after the other. */
  readonly lane: string;
  /** What is to be done, asked when the call's turn has come: earlier calls of its lane are answered then. */
  turn(): SocketTurn;
  /** One event of the answer's stream, by its data, as the message to send; null: none. */
  renderEvent(data: string): string | null;
  /** An answer that is no stream: a refusal. */
  renderWhole(status: number, headers: HeaderList, body: string): string;
}

/** A call with this body, or messages that answer without one. */
export type SocketTurn = { readonly body: JsonObject } | { readonly messages: readonly string[] };

export interface CallSocketSettings {
  /** Of what is kept for later calls. */
  readonly limitBytes: number;
  /** A name nobody else has. */
  newId(): string;
  nowS(): number;
}
