import type { Fault } from '../fault.ts';
import type { HeaderList } from '../head.ts';
import type { HeaderEdit } from '../header-edits.ts';

/**
 * A policy's hand on what an upstream of an http route answers, before anybody else sees it. A policy puts one on the exchange in
 * `onCall`; attempts whose answers nobody gets are not seen.
 */
export interface AnswerIntake {
  /** The answer's own headers, without those of the connection. Gives the head that goes on, or another answer in its place. */
  onHead(status: number, headers: HeaderList): HeaderList | StoredAnswer;
  /** The chunk is only lent. Not called once another answer took its place. */
  onData(chunk: Buffer): void;
  /** False: it broke off. */
  onEnd(complete: boolean): void;
  /** No upstream has answered. What is to be given in place of the fault; null: that. */
  onFault(fault: Fault): StoredAnswer | Fault | null;
}

/** An answer that was kept, of an http route. */
export interface StoredAnswer {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Buffer | null;
  /** Of what an upstream's answer would be charged, in percent. */
  readonly pricePercent: number;
  /** An upstream is asked again once it is given; nobody waits for that. */
  readonly renewal?: Renewal;
}

export const isStored = (taken: HeaderList | StoredAnswer): taken is StoredAnswer => 'status' in taken;

export interface Renewal {
  readonly intake: AnswerIntake;
  /** Changes to the headers of the request. */
  readonly edits: readonly HeaderEdit[];
}
