import type { JsonObject } from '#core/call.ts';
import type { Fault } from '#core/fault.ts';
import type { RpcId } from './wire.ts';

/** How messages reach one server and come back, for as long as a session lasts. */
export interface Channel {
  /**
   * Resolves when it is delivered, and, of a request whose answer comes by the same way, when that is over.
   * @throws Fault; `SessionGone` where the server knows nothing of the session any more.
   */
  send(message: JsonObject, signal: AbortSignal): Promise<void>;
  /** The handshake is done; what the server says unasked is wanted from now on. */
  opened(version: string): void;
  close(): void;
}

export interface Receiver {
  /** @param about Id of the request by whose answer it came; null: by no request's. */
  receive(message: unknown, about: RpcId | null): void;
  /** Nothing will come any more. */
  fail(fault: Fault): void;
}

export type OpenChannel = (receiver: Receiver) => Channel;

/** The server has forgotten the session: what was sent was not done, and can be sent in another one. */
export class SessionGone extends Error {}
