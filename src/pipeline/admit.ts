import type { Policy } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';

/** Runs one hook of the route's policies in their listed order, until one refuses or answers by itself. */
export async function admit(
  policies: readonly Policy[],
  hook: 'onHead' | 'onCall',
  exchange: Exchange,
): Promise<void> {
  for (const policy of policies) {
    if (exchange.shortAnswer) return;
    try {
      // Most policies answer at once: awaiting them would cost a turn each.
      const pending = policy[hook]!(exchange);
      if (pending) await pending;
    } catch (thrown) {
      throw closed(policy, thrown);
    }
  }
}

/** A policy that fails refuses: nothing is let through because a check could not be made. */
export function closed(policy: Policy, thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown;
  return new Fault('policy/failed', `The policy "${policy.name}" failed, so the call is refused.`, {
    cause: thrown,
  });
}
