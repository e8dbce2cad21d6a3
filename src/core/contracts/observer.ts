import type { EventRecord } from './events.ts';
import type { Obligation } from './keeper.ts';
import type { Exchange } from '../exchange.ts';
import type { Receipt } from '../receipt.ts';

/** What is said of an exchange where something failed; ids are empty where there is none. */
export type Failing = Pick<Exchange, 'id' | 'routeName'> & {
  readonly trace: { readonly traceId: string } | null;
};

/** How one stream's content comes. On its way: must cost next to nothing. */
export interface TokenPace {
  /** So many pieces of content came together, so long after those before them. */
  came(pieces: number, gapMs: number): void;
}

/** Whoever watches exchanges: metrics, access log. Must not throw and must not wait. */
export interface Observer {
  began(exchange: Exchange): void;
  /** A stream's first byte went out, and its last. */
  streamOpened(): void;
  streamClosed(): void;
  /** Where it is told how a stream of a model comes. */
  paceOf(provider: string, model: string): TokenPace;
  /** A WebSocket was opened; whole messages came since the last time, by who sent them; it was closed with a code. */
  socketOpened(): void;
  socketMessages(fromClient: number, fromUpstream: number): void;
  socketClosed(code: number): void;
  settled(exchange: Exchange, receipt: Receipt): void;
  /** A call waits for a limit; it waits no more, and was let through, or not. */
  queued(route: string): void;
  unqueued(route: string, waitedMs: number, isAdmitted: boolean): void;
  /** What became of a copy of a request. */
  mirrored(upstream: string, result: string): void;
  /** A rule of a model could not be evaluated, and so did not hold. */
  ruleFailed(model: string): void;
  /** A bug: something other than a Fault was thrown. */
  failed(exchange: Failing, error: unknown): void;
  /** The same of a policy of the operator's own, for counting. */
  policyFailed(policy: string): void;
  /** A policy of the operator's own has something to say. */
  policySaid(policy: string, message: string, fields: Readonly<Record<string, unknown>>): void;
  /** What a provider does in the background could not be looked after; null: all of it. It is tried again. */
  owedFailed(owed: Pick<Obligation, 'receipt' | 'route'> | null, error: unknown): void;
  /** An event could not be put on record. */
  eventFailed(event: EventRecord, error: unknown): void;
}
