import type { DeadLetter, HeldSubject } from '#core/contracts/outbox.ts';
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

export interface LaneManner {
  readonly parts: LaneParts;
  readonly signal: AbortSignal;
  /** Events in one request at most. */
  readonly batch: number;
  /** What is not taken for so long is left to wait, while there is room; without it is tried until it is given up. */
  readonly patienceMs: number;
  /** For so many more subjects; shared by all who deliver. */
  readonly room: { left: number };
}

/** What became of events that were not taken. */
export interface LaneResult {
  /** They were given up. */
  readonly letters: DeadLetter[];
  /** They wait, for so long until they are tried again, and what comes after them of their subjects waits for them. */
  readonly held: (HeldSubject & { readonly waitMs: number })[];
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
 * Delivers events one request after the other, in their order; the next is sent when the one before was taken, or given up. Of a
 * subject with an event that is held nothing more is sent. @throws LaneEnded
 */
export async function deliverInOrder(
  webhook: WebhookPlan,
  events: readonly OutgoingEvent[],
  manner: LaneManner,
): Promise<LaneResult> {
  const letters: DeadLetter[] = [];
  const held: LaneResult['held'] = [];
  const waits = ({ subject }: OutgoingEvent) => held.some((one) => one.subject === subject);
  const note = (together: readonly OutgoingEvent[], failed: Failed) => {
    if (failed.kind === 'held') {
      manner.room.left--;
      const [{ subject, sequence }] = together as [OutgoingEvent];
      held.push({ subject, after: sequence - 1, waitMs: failed.waitMs });
    } else letters.push(...lettersOf(webhook, together, failed));
  };
  for (let rest = [...events]; rest.length > 0; rest = rest.filter((event) => !waits(event))) {
    const together = rest.splice(0, manner.batch);
    const failed = await deliver(webhook, together, manner);
    if (!failed) continue;
    if (together.length === 1 || failed.kind === 'given up') note(together, failed);
    else {
      // One of them is what is not taken: the others need not go with it.
      const own = failed.kind === 'held' ? { ...manner, patienceMs: 0 } : manner;
      for (const one of together) {
        const alone = waits(one) ? null : await deliver(webhook, [one], own);
        if (alone) note([one], alone);
      }
    }
  }
  return { letters, held };
}

interface Failed {
  readonly reason: string;
  readonly tries: number;
  readonly kind: 'refused' | 'held' | 'given up';
  /** Until it should be tried again. */
  readonly waitMs: number;
}

/** Null when it was taken. */
async function deliver(
  webhook: WebhookPlan,
  events: readonly OutgoingEvent[],
  { parts, signal, patienceMs, room }: LaneManner,
): Promise<Failed | null> {
  const message = renderMessage(events, webhook.batch > 1);
  const beganAtMs = parts.monotonicMs();
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
    if (refusedBefore >= refusedTries) return { reason, tries, kind: 'refused', waitMs: 0 };
    const asked = result.kind === 'failed' ? result.retryAfterMs : null;
    const waitMs = backoffMs(tries, asked, parts.random());
    const nextAtMs = parts.monotonicMs() + waitMs - beganAtMs;
    if (nextAtMs > webhook.giveUpMs) return { reason, tries, kind: 'given up', waitMs };
    if (room.left > 0 && nextAtMs > patienceMs) return { reason, tries, kind: 'held', waitMs };
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
