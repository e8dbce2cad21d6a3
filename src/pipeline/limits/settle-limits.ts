import { modelKey } from '#core/calibration.ts';
import type { ReservedAmount } from '#core/contracts/journal.ts';
import type { AttemptLine, Overdraft } from '#core/receipt.ts';
import { expectedCost } from '../expected-cost.ts';
import type { Passage } from '../passage.ts';
import { usedBy, type Hold, type Used } from './hold.ts';

export interface SettledLimits {
  /** What stands booked, for the record. */
  readonly booked: readonly ReservedAmount[];
  readonly overdraft: readonly Overdraft[];
}

/**
 * Settles all that is reserved for an exchange by what its attempts used, in the windows of admission; a call that was refused
 * before any attempt used nothing, not even a request.
 */
export async function settleLimits(
  passage: Passage,
  attempts: readonly AttemptLine[],
): Promise<SettledLimits> {
  learn(passage, attempts);
  const { exchange, holds = [] } = passage;
  const booked = [...(passage.bookedAhead ?? [])];
  const overdraft: Overdraft[] = [];
  const admitted = exchange.attempts.length > 0 || ['completed', 'cache_hit'].includes(exchange.outcome);
  for (let i = 0; i < holds.length; i++) {
    const hold = holds[i]!;
    const used = admitted ? usedUnder(passage, attemptsOf(holds, i, attempts)) : null;
    const pending = hold.settle(used);
    if (pending) await pending;
    booked.push(...hold.onRecord);
    passage.gateway.lines.wake(hold.asked.map(({ item }) => item.subject));
    overdraft.push(...hold.overdraft);
  }
  if (exchange.outcome === 'budget_cut') tellCut(passage, holds);
  return { booked, overdraft };
}

function tellCut({ exchange, gateway }: Passage, holds: readonly Hold[]): void {
  const budgets = holds.flatMap(({ asked }) => asked).filter(({ wish }) => wish.inFlight === 'hard');
  gateway.events.emit({
    id: `budget-cut/${exchange.id}`,
    type: 'budget.cut',
    subject: exchange.consumer ? `project:${encodeURIComponent(exchange.consumer.project)}` : '',
    atMs: gateway.clock.nowMs(),
    data: {
      exchange: exchange.id,
      budgets: budgets.map(({ wish }) => ({ budget: wish.name.slice(1, -1), for: wish.whom })),
    },
  });
}

/** The first hold is of the whole exchange; each later one of what came after it, until the next. */
function attemptsOf(
  holds: readonly Hold[],
  n: number,
  attempts: readonly AttemptLine[],
): readonly AttemptLine[] {
  const hold = holds[n]!;
  return hold.isTargets ? attempts.slice(hold.attemptsBefore, holds[n + 1]?.attemptsBefore) : attempts;
}

/** What is settled later, by a receipt of its own, counts against limits as it was expected to. */
function usedUnder({ exchange }: Passage, attempts: readonly AttemptLine[]): Used {
  const deferred = exchange.attempts.find((attempt) => attempt.deferred && attempt.target);
  const used = usedBy(attempts);
  if (!deferred) return used;
  const expected = expectedCost(exchange, deferred.target!);
  const costIn = (currency: string): bigint =>
    expected?.price.currency === currency ? expected.costNano : 0n;
  const { estimatedInput, brief } = exchange;
  const { tokens } = used;
  return {
    tokens: {
      ...tokens,
      input: tokens.input + estimatedInput,
      output: tokens.output + (brief ? (brief.maxOutputTokens ?? 0) * Math.max(1, brief.choices) : 0),
    },
    costNano: (currency) => used.costNano(currency) + costIn(currency),
    priceNano: (currency) => used.priceNano(currency) + costIn(currency),
  };
}

/** After attempts at a target have failed: what none of them used is free again, before the next target is asked. */
export function releaseTarget({ exchange, holds }: Passage): void | Promise<void> {
  const last = holds?.at(-1);
  if (!last?.isTargets) return;
  if (exchange.attempts.slice(last.attemptsBefore).every(({ work }) => work === 'none'))
    return last.settle(null);
}

/** What a provider says of a whole answer tells what the next ones will take. */
function learn({ exchange, gateway, holds }: Passage, attempts: readonly AttemptLine[]): void {
  const { brief, outcome, estimatedInput } = exchange;
  const [attempt] = attempts;
  if (!brief || brief.free || outcome !== 'completed' || attempts.length !== 1) return;
  const { target, deferred } = exchange.attempts[0]!;
  if (attempt!.usageSource !== 'provider' || deferred || !target) return;
  const { input, output } = usedBy(attempts).tokens;
  const reserved = holds?.[0]?.tokensReserved ?? null;
  gateway.calibration.learn(modelKey(target), {
    estimatedInput,
    input,
    output,
    choices: brief.choices,
    reserved,
  });
}

/**
 * Settles what limits hold for an exchange that goes on although it uses nothing more itself: a WebSocket whose calls are
 * counted one by one. It was a request like any other.
 */
export async function settleAhead(passage: Passage): Promise<void> {
  const { holds } = passage;
  if (!holds) return;
  delete passage.holds;
  const booked: ReservedAmount[] = [];
  for (const hold of holds) {
    const pending = hold.settle(usedBy([]));
    if (pending) await pending;
    booked.push(...hold.onRecord);
  }
  passage.bookedAhead = booked;
}
