import type { Policy, PolicyKind } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import type { DescribedPolicy } from '#core/policy-files.ts';
import type { Receipt } from '#core/receipt.ts';
import { attributed } from './attributed.ts';
import { applyHeaderEdits, type HeaderEdit } from '#core/header-edits.ts';
import type { Isolate } from './isolate/isolate.ts';
import type { IsolatedHook } from './isolate/protocol.ts';
import type { OwnPolicyParts } from './own-policy-kind.ts';

/** A kind whose code runs in a thread of its own: here is only what goes there and comes back. */
export function isolatedPolicyKind(
  described: DescribedPolicy,
  isolate: Isolate,
  parts: Pick<OwnPolicyParts, 'observer'>,
): PolicyKind {
  const { name, description, hooks, reads } = described;
  return {
    name,
    create(settings, { instance }): Policy {
      const edits = new WeakMap<Exchange, HeaderEdit[]>();
      const run = async (exchange: Exchange, hook: IsolatedHook, receipt: Receipt | null = null) => {
        try {
          const { id, routeName, dialectName, head, consumer, claims, brief } = exchange;
          const asked = reads.includes('conversation') ? (exchange.conversation?.() ?? null) : null;
          const body = reads.includes('body') ? exchange.body : null;
          const sent = { id, routeName, dialectName, head, consumer, claims, brief, body, asked };
          const effects = await isolate.call({ hook, instance, settings, exchange: sent, receipt });
          exchange.upstreamHeaders.push(...effects.upstreamHeaders);
          edits.set(exchange, [...(edits.get(exchange) ?? []), ...effects.answerHeaders]);
          if (effects.notes) exchange.notes = { ...exchange.notes, ...effects.notes };
          if (effects.shortAnswer) exchange.shortAnswer = bytesAgain(effects.shortAnswer);
        } catch (thrown) {
          if (thrown instanceof Fault) throw thrown;
          parts.observer.policyFailed(name);
          const cause = attributed(thrown, `policy "${name}", isolated, ${hook}`);
          throw new Fault('policy/failed', `The policy "${name}" failed, so the call is refused.`, { cause });
        }
      };
      return {
        name,
        summary: `${description ?? 'a policy of your own'} (isolated)`,
        ...(hooks.includes('onHead') && { onHead: (exchange) => run(exchange, 'onHead') }),
        ...(reads.includes('body') && { readsBody: () => true }),
        ...(hooks.includes('onCall') && { onCall: (exchange) => run(exchange, 'onCall') }),
        ...(hooks.includes('onAnswer') && {
          onAnswer: (exchange, _status, headers) => applyHeaderEdits(headers, edits.get(exchange) ?? []),
        }),
        ...(hooks.includes('onSettled') && {
          onSettled: (exchange, receipt) => run(exchange, 'onSettled', receipt),
        }),
      };
    },
  };
}

/** A message carries bytes as plain arrays of them. */
const bytesAgain = (answer: NonNullable<Exchange['shortAnswer']>): Exchange['shortAnswer'] =>
  typeof answer.body === 'string' || answer.body === null
    ? answer
    : { ...answer, body: Buffer.from(answer.body) };
