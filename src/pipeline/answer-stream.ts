import type { Fault } from '#core/fault.ts';
import type { StreamState } from '#core/answer.ts';
import type { Usage } from '#core/usage.ts';
import type { Tally } from './tally.ts';

/** One stream's way through the gateway: bytes of the upstream in, bytes for the client out. */
export interface AnswerStream {
  /**
   * Takes a chunk and returns what may be delivered now (null: nothing yet). Only whole events come out, and nothing
   * from the terminal event on: that is kept for `rest`, until the receipt is on record. What came before a `fault`
   * comes out with the chunk it is in.
   */
  push(chunk: Buffer): Buffer | string | null;
  /** The upstream's body has ended. What it still owes, before the terminal event. */
  finish(): Buffer | string | null;
  /** Nothing more is taken. What policies still held of what came. */
  stop(): Buffer | string | null;
  /**
   * Asked after each event of the upstream: is what came so far paid for? If not, what follows in the chunk waits, and goes on with
   * the next `push`, be it of nothing. Null: nobody asks.
   */
  isPaid: (() => boolean) | null;
  /** What was kept back: the terminal event and whatever follows it. Null when there was none. */
  rest(): Buffer | string | null;
  /** Bytes pass that nobody here understands: nothing can be added to them, and what breaks off stays broken off. */
  readonly unread?: true;
  /** Where the client's stream stands. */
  readonly state: StreamState;
  readonly usage: Usage | null;
  readonly tally: Tally;
  /** Has anything come that a client would miss: text, a tool call, a finish? */
  readonly hasContent: boolean;
  /** Has the terminal event come? */
  readonly ended: boolean;
  /** The upstream sent what does not fit its dialect, or an error: nothing after it counts. */
  readonly fault: Fault | null;
  /** Set when a policy ended the answer: the upstream is no longer needed. */
  readonly cut: { readonly outcome: 'guardrail_cut' | 'budget_cut' } | null;
}
