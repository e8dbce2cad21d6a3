import type { DeadLetter } from '#core/contracts/outbox.ts';
import type { WebhookPlan } from '#core/webhook.ts';
import { backoffMs } from './backoff.ts';
import type { OutgoingEvent } from './cloud-event.ts';
import { postOnce, type PostParts, type PostResult } from './post.ts';
import { renderHeaders, renderMessage } from './webhook-request.ts';

export interface LaneParts extends PostParts {
  monotonicMs(): number;
  random(): number;
  /** Told of each try that failed, and of the next that did not. */
  onTry(result: PostResult): void;
}

/** What ended a lane before its events. */
export class LaneEnded extends Error {
  readonly kind: 'gone' | 'closed';
  constructor(kind: 'gone' | 'closed') {
    super(kind);
    this.kind = kind;
  }
}

/** A refusal may be of the moment: a receiver that is being put up refuses everything for a while. */
const refusedTries = 5;

/**
 * Delivers events one request after the other, in their order; the next is sent when the one before was taken, or given up.
 * Returns those that were given up. @throws LaneEnded
 */
export async function deliverInOrder(
  webhook: WebhookPlan,
  events: readonly OutgoingEvent[],
  { parts, signal }: { readonly parts: LaneParts; readonly signal: AbortSignal },
): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  for (let at = 0; at < events.length; at += webhook.batch) {
    const together = events.slice(at, at + webhook.batch);
    const failed = await deliver(webhook, together, { parts, signal });
    if (!failed) continue;
    if (together.length === 1) letters.push(...lettersOf(webhook, together, failed));
    else if (failed.wasRefused) {
      // One of them is what is refused: the others need not go with it.
      for (const one of together) {
        const alone = await deliver(webhook, [one], { parts, signal });
        if (alone) letters.push(...lettersOf(webhook, [one], alone));
      }
    } else letters.push(...lettersOf(webhook, together, failed));
  }
  return letters;
}

interface Failed {
  readonly reason: string;
  readonly tries: number;
  readonly wasRefused: boolean;
}

/** Null when it was taken. */
async function deliver(
  webhook: WebhookPlan,
  events: readonly OutgoingEvent[],
  { parts, signal }: { readonly parts: LaneParts; readonly signal: AbortSignal },
): Promise<Failed | null> {
  const message = renderMessage(events, webhook.batch > 1);
  const untilMs = parts.monotonicMs() + webhook.giveUpMs;
  let refusedBefore = 0;
  for (let tries = 1; ; tries++) {
    if (signal.aborted) throw new LaneEnded('closed');
    const headers = renderHeaders(message, webhook, parts.nowMs());
    const result = await postOnce(webhook, { headers, body: message.body }, { parts, signal });
    if (signal.aborted && result.kind !== 'taken') throw new LaneEnded('closed');
    parts.onTry(result);
    if (result.kind === 'taken') return null;
    if (result.kind === 'gone') throw new LaneEnded('gone');
    const { reason } = result;
    refusedBefore = result.kind === 'refused' ? refusedBefore + 1 : 0;
    if (refusedBefore >= refusedTries) return { reason, tries, wasRefused: true };
    const asked = result.kind === 'failed' ? result.retryAfterMs : null;
    const waitMs = backoffMs(tries, asked, parts.random());
    if (parts.monotonicMs() + waitMs > untilMs) return { reason, tries, wasRefused: false };
    await pause(waitMs, signal);
  }
}

const lettersOf = (
  { name }: WebhookPlan,
  events: readonly OutgoingEvent[],
  { reason, tries }: Failed,
): DeadLetter[] =>
  events.map(({ sequence, text }) => ({ webhook: name, sequence, event: text, reason, tries }));

/** Ends early when `signal` says so. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}
