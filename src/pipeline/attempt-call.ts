import type { Sign } from '#core/contracts/signer.ts';
import type { AttemptRecord, Exchange } from '#core/exchange.ts';
import { faultFrom } from '#core/fault.ts';
import type { Target } from '#core/target.ts';
import { askedUnits, inputText } from './input-text.ts';
import type { Continuation } from './continuation.ts';
import type { Answer } from './answer.ts';
import { CallAttempt } from './call-attempt.ts';
import type { ModelCall } from './model-call.ts';
import { renderOutbound, type OutboundCall } from './outbound-call.ts';
import type { Passage } from './passage.ts';
import { recordIntent } from './record-intent.ts';

export interface Try {
  readonly target: Target;
  /** From 1. */
  readonly number: number;
  /** No other target can take over. */
  readonly isLast: boolean;
  /** See CallAttemptParts. */
  readonly watchesLimits: boolean;
  /** Until the head of its answer; 0 is unlimited. */
  readonly deadlineMs: number;
  /** See CallAttemptParts. */
  readonly continuation: Continuation | null;
}

/**
 * One try at one target: put on record first, then made. Resolves when all but the end of the answer is delivered.
 * @throws Fault when it failed and nothing was delivered.
 */
export async function attemptCall(passage: Passage, call: ModelCall, attempt: Try): Promise<Answer> {
  const { exchange, gateway } = passage;
  const { target, number, isLast, watchesLimits, deadlineMs, continuation } = attempt;
  const goesOn = continuation?.begun === true;
  const outbound = renderOutbound(passage, call, {
    target,
    number,
    continuation: goesOn ? continuation : null,
  });
  const record: AttemptRecord = {
    number,
    target,
    provider: target.provider.name,
    startedAtMs: gateway.clock.nowMs(),
    endedAtMs: 0,
    status: 0,
    fault: null,
    upstreamId: null,
    usage: null,
    work: 'none',
    seen: null,
    // What is sent for the second time is not the client's to pay.
    inputText: goesOn ? null : () => inputText(call),
    ...flagsOf(exchange, goesOn, outbound),
    ...(call.dialect.surface ? { askedUnits: () => askedUnits(call) } : {}),
  };
  await recordIntent(passage, record);
  exchange.attempts.push(record);
  const { sign } = gateway.endpoint(target.provider);
  const signed = sign ? await complete(passage, { outbound, record, sign }) : outbound;
  const running = new CallAttempt({
    passage,
    call,
    outbound: signed,
    record,
    isLast,
    watchesLimits,
    deadlineMs,
    continuation,
  });
  gateway.live.add(running);
  try {
    return await running.run();
  } finally {
    record.endedAtMs = gateway.clock.nowMs();
    gateway.live.delete(running);
  }
}

/** What the receipt is to say of it. */
function flagsOf(
  { downgradedTo }: Exchange,
  goesOn: boolean,
  { maxTokens }: OutboundCall,
): Pick<AttemptRecord, 'flags'> {
  const flags: string[] = [];
  if (goesOn) flags.push('continues');
  if (downgradedTo !== null) flags.push('downgraded');
  if (maxTokens !== null) flags.push('max-tokens-clamped');
  return flags.length > 0 ? { flags } : {};
}

/** @throws Fault when there is nothing to sign with: then nothing was sent, and another target may do. */
async function complete(
  { gateway }: Passage,
  { outbound, record, sign }: { outbound: OutboundCall; record: AttemptRecord; sign: Sign },
): Promise<OutboundCall> {
  try {
    return { ...outbound, request: await sign(outbound.request) };
  } catch (thrown) {
    record.fault = faultFrom(thrown);
    record.endedAtMs = gateway.clock.nowMs();
    throw record.fault;
  }
}
