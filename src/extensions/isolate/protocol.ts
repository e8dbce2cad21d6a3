import type { Exchange } from '#core/exchange.ts';
import type { PolicySources } from '#core/policy-files.ts';
import type { Receipt } from '#core/receipt.ts';
import type { HeaderEdit } from '#core/header-edits.ts';

/** What an isolated policy's thread is born with. */
export interface IsolateStart {
  readonly sources: PolicySources;
  /** The policy's, below the folder. */
  readonly file: string;
  /** Where it writes the number of the call that it begins with. */
  readonly begun: Int32Array;
}

export type IsolatedHook = 'onHead' | 'onCall' | 'onSettled';

/** One hook of one exchange, to be run. */
export interface IsolatedCall {
  /** Counts from 1. */
  readonly ask: number;
  readonly hook: IsolatedHook;
  readonly instance: string;
  readonly settings: unknown;
  readonly exchange: SentExchange;
  /** Of `onSettled`. */
  readonly receipt: Receipt | null;
}

/** What of an exchange goes there. */
export type SentExchange = Pick<
  Exchange,
  'id' | 'routeName' | 'dialectName' | 'head' | 'consumer' | 'claims' | 'brief' | 'body'
> & {
  /** Parsed, where the policy reads it. */
  readonly asked: ReturnType<NonNullable<Exchange['conversation']>> | null;
};

/** What it wants of the exchange. */
export interface Effects {
  readonly upstreamHeaders: Exchange['upstreamHeaders'];
  readonly answerHeaders: readonly HeaderEdit[];
  readonly shortAnswer: Exchange['shortAnswer'];
  readonly notes: Exchange['notes'];
}

export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly headers: readonly string[];
}

export type FromIsolate =
  | { readonly type: 'ready' }
  | { readonly type: 'effects'; readonly ask: number; readonly effects: Effects }
  | { readonly type: 'refused'; readonly ask: number; readonly refusal: Refusal }
  | { readonly type: 'failed'; readonly ask: number; readonly message: string; readonly stack: string }
  | {
      readonly type: 'said';
      readonly policy: string;
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    };
