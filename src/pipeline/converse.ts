import { Fault, faultFrom } from '#core/fault.ts';
import type { Target } from '#core/target.ts';
import type { Answer } from './answer.ts';
import { attemptCall } from './attempt-call.ts';
import { attemptResult } from './attempt-result.ts';
import type { ModelCall } from './model-call.ts';
import type { Passage } from './passage.ts';

/**
 * Tries the model's targets as its pool gives them. The next one takes over, unseen, as long as nothing of an answer has
 * been delivered and the failure is one that another target may not share.
 * @throws Fault of the last attempt, or `upstream/unavailable` when no target may be tried.
 */
export async function converse(passage: Passage, call: ModelCall): Promise<Answer> {
  const { exchange, gateway } = passage;
  const pool = gateway.targetsOf(call.model);
  const tried: string[] = [];
  let last: Fault | null = null;
  for (;;) {
    const lease = pool.take({ affinity: null, tried, again: false, nowMs: gateway.clock.nowMs() });
    if (!lease) throw last ?? new Fault('upstream/unavailable', `No target of ${pool.name} is in service.`);
    tried.push(lease.member.id);
    let fault: Fault | null = null;
    try {
      return await tryTarget(passage, call, lease.member.target, lease.isLast);
    } catch (thrown) {
      last = fault = faultFrom(thrown);
      if (!fault.retryable || exchange.inbound.gone) throw fault;
      exchange.losses.length = 0;
    } finally {
      lease.end(attemptResult(exchange, fault, gateway.clock.nowMs()));
    }
  }
}

/** A target that refuses to be asked for usage is tried again without, and not asked again; then the gateway counts. */
async function tryTarget(
  passage: Passage,
  call: ModelCall,
  target: Target,
  isLast: boolean,
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
