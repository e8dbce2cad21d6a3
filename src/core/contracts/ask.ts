import type { HeaderList } from '../head.ts';

/** A short call of the gateway's own to another server: one that gives out tokens or keys, or says who somebody is. */
export interface Question {
  /** Absolute, http or https. */
  readonly url: string;
  readonly method: string;
  /** Names in lower case; Host and framing are added. */
  readonly headers: HeaderList;
  /** Null: none. */
  readonly body: string | null;
  /** Of this machine or its own network: asked by no proxy. */
  readonly local?: true;
  /** It may be asked again where the first may have arrived. Absent: only a GET may. */
  readonly repeatable?: true;
  /** Until the answer is whole, in milliseconds; absent: 15 seconds. */
  readonly deadlineMs?: number;
  /** The answer's body may have; absent: 256 KiB. */
  readonly maxBytes?: number;
  /** Authorities beside the system's, as PEM. */
  readonly ca?: string;
}

/** Of any status: a redirect is an answer like others, and is not followed. */
export interface Reply {
  readonly status: number;
  readonly headers: HeaderList;
  /** UTF-8 text. */
  readonly body: string;
}

/** @throws Fault `upstream/…` when no whole answer comes in time, or one larger than it may be. */
export type Ask = (question: Question) => Promise<Reply>;
