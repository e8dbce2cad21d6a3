import type { Soon } from '#core/contracts/counter-store.ts';
import { headerOf } from '#core/head.ts';
import type { Exchange } from '#core/exchange.ts';
import type { QueueRules } from '#core/queue-rules.ts';
import type { Passage } from '../passage.ts';
import type { Refusal } from './lines.ts';

/**
 * Waits for room where the route lets calls wait; `attempt` takes it.
 * @throws Fault of the refusal, `client/gone`, or whatever `attempt` throws.
 */
export async function waitInLine(
  passage: Passage,
  refusal: Refusal,
  attempt: () => Soon<Refusal | null>,
): Promise<void> {
  const { exchange, gateway, route } = passage;
  const queue = route.queue ?? refusal.rules ?? null;
  // What is said on a WebSocket is answered at once, or refused.
  if (queue === null || exchange.head.upgrade !== null) throw refusal.fault;
  const nowMs = gateway.clock.monotonicMs();
  // All that an exchange waits, for whatever it is, is within one bound.
  passage.queueUntilMs ??= nowMs + queue.waitMs;
  const flow = exchange.consumer?.[queue.by === 'key' ? 'id' : queue.by] ?? '';
  const name = queue.by === 'key' ? (exchange.consumer?.name ?? '') : flow;
  const waiting = {
    ...{ route: exchange.routeName, flow, weight: queue.weights.get(name) ?? 1 },
    ...{ level: levelOf(exchange, route.route.priority, queue), inbound: exchange.inbound },
    ...{ untilMs: passage.queueUntilMs, max: queue.max, attempt },
  };
  if (!gateway.lines.admits(waiting, refusal)) throw refusal.fault;
  try {
    await gateway.lines.wait(waiting, refusal);
  } finally {
    exchange.queuedMs += Math.round(gateway.clock.monotonicMs() - nowMs);
  }
}

/** The route's; or the one that the call asks for, as far as its key may. */
function levelOf({ head, consumer }: Exchange, priority: number, { priorityHeader }: QueueRules): number {
  if (priorityHeader === null || consumer?.priority === undefined) return priority;
  const asked = headerOf(head.headers, priorityHeader) ?? '';
  return /^[1-9]$/.test(asked) ? Math.min(Number(asked), consumer.priority) : priority;
}
