import type { AttemptRecord } from '#core/exchange.ts';
import type { Continuation } from './continuation.ts';
import type { ModelCall } from './model-call.ts';
import type { OutboundCall } from './outbound-call.ts';
import type { Passage } from './passage.ts';

export interface CallAttemptParts {
  readonly passage: Passage;
  readonly call: ModelCall;
  readonly outbound: OutboundCall;
  readonly record: AttemptRecord;
  readonly isLast: boolean;
  /** Is it of use to know what is left of the target's limits? */
  readonly watchesLimits: boolean;
  /** Until the head of the answer; 0 is unlimited. */
  readonly deadlineMs: number;
  /** Where another target may go on with a stream that breaks off. */
  readonly continuation: Continuation | null;
}
