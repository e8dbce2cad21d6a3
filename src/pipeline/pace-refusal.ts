import type { PaceTicket } from '#core/contracts/pace.ts';
import { Fault } from '#core/fault.ts';
import type { QueueRules } from '#core/queue-rules.ts';
import type { Target } from '#core/target.ts';
import type { Passage } from './passage.ts';
import type { Refusal } from './queue/lines.ts';

export const paceSubject = ({ provider, model }: Target): string => `pace/${provider.name}/${model}`;

/**
 * Takes room for a call under the provider's own limits, as far as they are known; null: there is, or nobody wants to know. The
 * ticket is the passage's then.
 */
export function paceRefusal(passage: Passage, target: Target, isItsTurn: boolean): Refusal | null {
  const { exchange, gateway } = passage;
  const { pace } = target.provider;
  if (!pace) return null;
  const subject = paceSubject(target);
  const rules: QueueRules = { ...pace, by: 'project', weights: new Map(), priorityHeader: null };
  const before = isItsTurn ? null : gateway.lines.refusalOf([{ subject, amount: 1 }]);
  if (before) return before;
  const tokens = exchange.estimatedInput + (exchange.brief?.maxOutputTokens ?? 0);
  const taken = gateway.pace.take(target, tokens);
  if (!taken.refused) {
    passage.ticket = taken;
    return null;
  }
  const { retryAfterMs } = taken;
  const seconds = Math.max(1, Math.ceil((retryAfterMs ?? 0) / 1000));
  const message = `${target.provider.name} takes no more calls to "${target.model}" now, by its own limits. Come back in ${seconds} s.`;
  const fault = new Fault('upstream/rate-limited', message, { headers: ['retry-after', String(seconds)] });
  return { fault, subject, cost: 1, retryAfterMs, rules };
}

/** The ticket of a passage, told to whoever waits for room there. */
export function endTicket(passage: Passage, target: Target, how: (ticket: PaceTicket) => void): void {
  if (!passage.ticket) return;
  how(passage.ticket);
  passage.gateway.lines.wake([paceSubject(target)]);
}
