import type { Fault } from '#core/fault.ts';
import { faultFrom } from '#core/fault.ts';
import type { Answer } from './answer.ts';
import { attemptCall } from './attempt-call.ts';
import type { ModelCall } from './model-call.ts';
import type { Passage } from './passage.ts';

/**
 * Tries the plan's targets in order. The next one takes over, unseen, as long as nothing of an answer has been
 * delivered and the failure is one that another target may not share.
 * @throws Fault of the last attempt.
 */
export async function converse(passage: Passage, call: ModelCall): Promise<Answer> {
  const { exchange } = passage;
  const { targets } = call.plan;
  let last: Fault | null = null;
  for (let i = 0; i < targets.length; i++) {
    const isLast = i === targets.length - 1;
    try {
      return await attemptCall(passage, call, { target: targets[i]!, number: i + 1, isLast });
    } catch (thrown) {
      last = faultFrom(thrown);
      if (isLast || !last.retryable || exchange.inbound.gone) throw last;
      exchange.losses.length = 0;
    }
  }
  throw last!;
}
