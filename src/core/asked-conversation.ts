import type { Conversation } from './call.ts';
import type { Exchange } from './exchange.ts';
import { Fault } from './fault.ts';

/**
 * The conversation that a call is, for policies that read or change it. Null where there is none: on routes that lead to no model, and
 * for work that is no conversation.
 * @throws Fault where prompts come in a form that nobody here reads, so that they would go past the policy: batches and sessions.
 */
export function askedConversation(exchange: Exchange, policy: string): Conversation | null {
  const { brief, conversation } = exchange;
  if (brief === null) return null;
  if (conversation === null)
    throw new Fault(
      'dialect/unsupported',
      `The policy "${policy}" of this route reads prompts one call at a time: neither batches nor sessions are taken here.`,
    );
  const asked = conversation();
  return asked.work ? null : asked;
}
