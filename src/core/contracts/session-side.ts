import type { JsonObject } from '../call.ts';
import type { Fault } from '../fault.ts';
import type { Target } from '../target.ts';
import type { Usage } from '../usage.ts';

/**
 * Sessions of a dialect: WebSockets between client and provider whose messages pass as they come. The provider's are read
 * for what was used.
 */
export interface SessionSide {
  /** The model asked for, by the query of the request line. @throws Fault `request/invalid-field` */
  model(query: string): string;
  /** A body of the dialect that asks a model for nothing yet: what rules that choose among targets can go by. */
  body(model: string): JsonObject;
  /** Path and query below the provider's base URL. */
  path(target: Target): string;
  /** Does a subprotocol that the client offers (RFC 6455 §1.9) go to the provider? */
  passesProtocol(name: string): boolean;
  /** Pieces of text one of which a provider's message must hold to say anything here. */
  readonly words: readonly string[];
  /** What a provider's message says; null: nothing of use. */
  read(message: string): SessionEvent | null;
  /**
   * The field of a client's message that names something kept at the provider (see `ClientSide.vendorIds`); null: none does.
   * Asked of messages alone in which `vendorIdWords` finds something, or an escape that could hide it.
   */
  vendorId(message: string): string | null;
  readonly vendorIdWords: RegExp | null;
  /** A message that tells the client why its session ends. */
  renderFault(fault: Fault, exchangeId: string): string;
}

export type SessionEvent =
  /** The provider begins to work. */
  | { readonly type: 'began'; readonly id: string }
  /** It is done; null: it does not say what was used. */
  | { readonly type: 'ended'; readonly id: string; readonly usage: Usage | null }
  /** Something was used beside, by the helper. */
  | { readonly type: 'used'; readonly usage: Usage }
  /** Which model helps from now on, such as to put speech into words; null: none that is named. */
  | { readonly type: 'helper'; readonly model: string | null };
