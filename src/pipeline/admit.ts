import type { Clock } from '#core/contracts/clock.ts';
import type { Policy } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';

/** Of a passage, what is needed here. */
interface Admitted {
  readonly exchange: Exchange;
  readonly gateway: { readonly clock: Clock };
}

/** Runs one hook of the route's policies in their listed order, until one refuses or answers by itself. */
export function admit(
  policies: readonly Policy[],
  hook: 'onHead' | 'onCall',
  admitted: Admitted,
): void | Promise<void> {
  const { exchange } = admitted;
  for (let i = 0; i < policies.length && !exchange.shortAnswer; i++) {
    const policy = policies[i]!;
    try {
      // Most policies decide at once: awaiting them would cost a turn each.
      const pending = policy[hook]!(exchange);
      if (pending) return admitLater(pending, { policies, i, hook }, admitted);
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
  admitted: Admitted,
): Promise<void> {
  const { exchange, gateway } = admitted;
  const policy = policies[i]!;
  const startedAtMs = gateway.clock.nowMs();
  try {
    await inTime(pending, policy);
  } catch (thrown) {
    exchange.decidedBy = policy.name;
    throw closed(policy, thrown);
  } finally {
    const wait = { policy: policy.name, startedAtMs, endedAtMs: gateway.clock.nowMs() };
    (exchange.waits ??= []).push(wait);
  }
  if (exchange.shortAnswer) exchange.decidedBy = policy.name;
  return admit(policies.slice(i + 1), hook, admitted);
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
