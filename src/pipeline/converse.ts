import type { Dialect } from '#core/contracts/dialect.ts';
import type { Inbound } from '#core/contracts/inbound.ts';
import type { TargetPool } from '#core/contracts/target-pool.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault, faultFrom } from '#core/fault.ts';
import { fallbackRules } from '#core/retry-rules.ts';
import type { Target } from '#core/target.ts';
import { elsewhere } from './kept/elsewhere.ts';
import { affinityOf } from './affinity.ts';
import type { Answer } from './answer.ts';
import { attemptCall, type Try } from './attempt-call.ts';
import { attemptResult, neutralResult } from './attempt-result.ts';
import { Continuation } from './continuation.ts';
import { chooseModel } from './choose-model.ts';
import { releaseTarget } from './limits/settle-limits.ts';
import type { ModelCall } from './model-call.ts';
import type { Passage } from './passage.ts';
import { expectedCost } from './expected-cost.ts';
import { endTicket } from './pace-refusal.ts';
import { failureOf } from './retry-plan.ts';
import { Retries } from './retries.ts';
import { roomAtTarget } from './room-at-target.ts';

/**
 * Tries the model's targets as its pool gives them. The next one takes over, unseen, as long as nothing of an answer has
 * been delivered and the failure is one that another target may not share. `tryOne` makes one attempt.
 * @throws Fault of the last attempt, or `upstream/unavailable` when no target may be tried.
 */
export async function converse(passage: Passage, call: ModelCall, tryOne = tryTarget): Promise<Answer> {
  const { exchange, gateway } = passage;
  const model = (passage.model ??= chooseModel(passage, call));
  const pool = gateway.targetsOf(model);
  const rules = model.retries ?? fallbackRules;
  const affinity = affinityOf(pool, exchange, call);
  const not = elsewhere(gateway, pool, call);
  const retries = new Retries(
    { pool, rules, method: 'POST', affinity, sticky: null, not, costOf: costOf(pool, exchange) },
    gateway,
  );
  const isPaced = pool.members.some(({ target }) => target.provider.pace !== undefined);
  const limitsTargets = passage.route.targetLimits.length > 0;
  const watchesLimits = pool.goesBy === 'quota' || isPaced;
  const continuation = model.continues && call.brief.stream ? new Continuation() : null;
  /** The answer's end where the client has been given its beginning. */
  const giveUp = (fault: Fault): Answer => {
    if (!continuation?.begun) throw fault;
    if (!exchange.inbound.gone) return continuation.fail(fault);
    continuation.delivery!.abort();
    throw fault;
  };
  let lease = retries.first();
  if (!lease) throw new Fault('upstream/unavailable', `No target of ${pool.name} is in service.`);
  let failed: Fault | null = null;
  for (;;) {
    if (limitsTargets || isPaced) {
      try {
        lease = await roomAtTarget(passage, lease, retries);
      } catch (thrown) {
        return giveUp(failed ?? faultFrom(thrown));
      }
    }
    const { deadlineMs } = retries;
    const isLast = lease.isLast || retries.made >= rules.attempts;
    let fault: Fault | null = null;
    try {
      return await tryOne(passage, call, {
        target: lease.member.target,
        isLast,
        watchesLimits,
        deadlineMs,
        continuation,
      });
    } catch (thrown) {
      fault = faultFrom(thrown);
    } finally {
      endTicket(passage, lease.member.target, (ticket) => ticket.end());
      lease.end(attemptResult(exchange, exchange.attempts.at(-1), fault, gateway.clock.nowMs()));
    }
    failed = fault;
    if (limitsTargets) await releaseTarget(passage);
    const record = exchange.attempts.at(-1);
    if (!fault.retryable || exchange.inbound.gone) return giveUp(fault);
    const asked = record?.retryAfterMs ?? null;
    // A fault that may be retried and is none of the connection came in the answer.
    const failure = failureOf(fault, record?.status ?? 0, asked) ?? {
      kind: 'reset',
      unsent: false,
      retryAfterMs: asked,
    };
    const next = retries.after(failure, lease);
    if (!next) return giveUp(fault);
    lease = next.lease;
    exchange.losses.length = 0;
    if (next.waitMs > 0) await pause(exchange.inbound, next.waitMs);
    if (!exchange.inbound.gone) continue;
    lease.end(neutralResult);
    return giveUp(new Fault('client/gone', 'The client hung up before its answer was complete.'));
  }
}

/** Only where the pool goes by it. */
function costOf(pool: TargetPool<Target>, exchange: Exchange): ((target: Target) => number) | undefined {
  if (pool.goesBy !== 'cost') return undefined;
  return (target) => {
    const cost = expectedCost(exchange, target);
    return cost === null ? Infinity : Number(cost.costNano);
  };
}

/** Ends early when the client hangs up. */
function pause(inbound: Inbound, waitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, waitMs);
    inbound.onGone(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** A target that refuses to be asked for usage is tried again without, and not asked again; then the gateway counts. */
async function tryTarget(passage: Passage, call: ModelCall, to: Omit<Try, 'number'>): Promise<Answer> {
  const { exchange, gateway } = passage;
  const provider = gateway.speaking(to.target.provider, call.dialect);
  if (!provider || gateway.countless.has(provider)) throw unsupported(to.target.provider.name, call.dialect);
  const target = provider === to.target.provider ? to.target : { ...to.target, provider };
  const known = gateway.unasked.get(provider);
  const number = exchange.attempts.length + 1;
  if (known || !call.brief.stream || provider.quirks.asksUsage === false) {
    const wanted = known ? { ...target, provider: known } : target;
    return attemptCall(passage, call, { ...to, target: wanted, number });
  }
  try {
    return await attemptCall(passage, call, { ...to, target, number });
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
      ...to,
      target: { ...target, provider: unasked },
      number: number + 1,
    });
  }
}

const unsupported = (provider: string, { name, surface }: Dialect): Fault =>
  new Fault(
    'dialect/unsupported',
    `${provider} is not known to do ${surface ?? 'chats'} in ${name} or another dialect. Choose a model of another provider, ` +
      'or name such a dialect of this one ("speaks").',
  );
