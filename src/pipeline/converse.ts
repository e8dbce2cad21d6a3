import type { Fault } from '#core/fault.ts';
import { faultFrom } from '#core/fault.ts';
import type { Target } from '#core/target.ts';
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
      return await tryTarget(passage, call, { target: targets[i]!, isLast });
    } catch (thrown) {
      last = faultFrom(thrown);
      if (isLast || !last.retryable || exchange.inbound.gone) throw last;
      exchange.losses.length = 0;
    }
  }
  throw last!;
}

/** A target that refuses to be asked for usage is tried again without, and not asked again; then the gateway counts. */
async function tryTarget(
  passage: Passage,
  call: ModelCall,
  { target, isLast }: { target: Target; isLast: boolean },
): Promise<Answer> {
  const { exchange, gateway } = passage;
  const { provider } = target;
  const known = gateway.unasked.get(provider);
  const number = exchange.attempts.length + 1;
  if (known || !call.brief.stream || provider.quirks.asksUsage === false) {
    const wanted = known ? { ...target, provider: known } : target;
    return attemptCall(passage, call, { target: wanted, number, isLast });
  }
  try {
    return await attemptCall(passage, call, { target, number, isLast });
  } catch (thrown) {
    const fault = faultFrom(thrown);
    const side = gateway.dialects.get(provider.dialect)!.provider;
    if (exchange.inbound.gone || !side.refusesAskedUsage?.(fault, call.json)) throw thrown;
    const unasked = gateway.unasked.get(provider) ?? {
      ...provider,
      quirks: { ...provider.quirks, asksUsage: false },
    };
    gateway.unasked.set(provider, unasked);
    exchange.losses.length = 0;
    return attemptCall(passage, call, {
      target: { ...target, provider: unasked },
      number: number + 1,
      isLast,
    });
  }
}
