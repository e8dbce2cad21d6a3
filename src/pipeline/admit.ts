import type { Policy } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';

/** Runs one hook of the route's policies in their listed order, until one refuses or answers by itself. */
export function admit(
  policies: readonly Policy[],
  hook: 'onHead' | 'onCall',
  exchange: Exchange,
): void | Promise<void> {
  for (let i = 0; i < policies.length && !exchange.shortAnswer; i++) {
    const policy = policies[i]!;
    try {
      // Most policies decide at once: awaiting them would cost a turn each.
      const pending = policy[hook]!(exchange);
      if (pending) return admitLater(pending, { policies, i, hook }, exchange);
    } catch (thrown) {
      exchange.decidedBy = policy.name;
      throw closed(policy, thrown);
    }
    if (exchange.shortAnswer) exchange.decidedBy = policy.name;
  }
}

interface Awaited {
  readonly policies: readonly Policy[];
  readonly i: number;
  readonly hook: 'onHead' | 'onCall';
}

async function admitLater(
  pending: Promise<void>,
  { policies, i, hook }: Awaited,
  exchange: Exchange,
): Promise<void> {
  const policy = policies[i]!;
  try {
    await inTime(pending, policy);
  } catch (thrown) {
    exchange.decidedBy = policy.name;
    throw closed(policy, thrown);
  }
  if (exchange.shortAnswer) exchange.decidedBy = policy.name;
  return admit(policies.slice(i + 1), hook, exchange);
}

/** Of policies that do not say. */
const usualDeadlineMs = 30_000;

/** A check that hangs is one that could not be made. */
function inTime(pending: Promise<void>, { name, deadlineMs = usualDeadlineMs }: Policy): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const message = `The policy "${name}" has not decided within ${deadlineMs} ms, so the call is refused.`;
      reject(new Fault('policy/failed', message));
    }, deadlineMs);
    pending.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** A policy that fails refuses: nothing is let through because a check could not be made. */
export function closed(policy: Policy, thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown;
  return new Fault('policy/failed', `The policy "${policy.name}" failed, so the call is refused.`, {
    cause: thrown,
  });
}
