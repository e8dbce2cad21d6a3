import type { Outbox, OutboxEntry, WebhookState } from '#core/contracts/outbox.ts';
import { matchesAny } from '#core/name-pattern.ts';
import type { WebhookPlan } from '#core/webhook.ts';
import { mapEntry, type OutgoingEvent } from './cloud-event.ts';
import { deliverInOrder, LaneEnded, pause, type LaneParts } from './lane.ts';
import { postOnce, type PostResult } from './post.ts';
import { renderHeaders, renderMessage } from './webhook-request.ts';

export interface DeliveryParts extends Omit<LaneParts, 'onTry'> {
  readonly outbox: Outbox;
  onError(error: Error): void;
}

/** How a webhook fares, as this node knows. */
export interface DeliveryReport {
  readonly webhook: string;
  /** Does this node deliver to it? */
  readonly mine: boolean;
  /** Why the last try failed; null: it did not. */
  readonly failing: string | null;
  /** Requests that were taken, and that were not, since the start. */
  readonly taken: number;
  readonly failed: number;
}

const leaseMs = 30_000;
/** Entries of the books that are looked at together: no later one is begun before all of these are done. */
const windowSize = 256;
/** Subjects that are delivered beside each other. */
const lanes = 8;
/** For whatever nobody wakes us for: what other nodes put on the books. */
const idleMs = 1_000;

/** The delivery of one webhook. Everything that was on the books when it began, and comes since, goes out at least once. */
export class WebhookDelivery {
  readonly #webhook: WebhookPlan;
  readonly #source: string;
  readonly #parts: DeliveryParts;
  readonly #closing = new AbortController();
  readonly #over: Promise<void>;
  #idle = new AbortController();
  /** Until when the right to deliver is ours, by the monotonic clock. */
  #mineUntilMs = 0;
  #state: WebhookState | null = null;
  #failing: string | null = null;
  #taken = 0;
  #failed = 0;

  constructor(webhook: WebhookPlan, source: string, parts: DeliveryParts) {
    this.#webhook = webhook;
    this.#source = source;
    this.#parts = parts;
    this.#over = this.#run();
  }

  get report(): DeliveryReport {
    return {
      webhook: this.#webhook.name,
      mine: this.#isMine,
      failing: this.#failing,
      taken: this.#taken,
      failed: this.#failed,
    };
  }

  /** The webhook may go on. */
  wake(): void {
    this.#mineUntilMs = 0;
    this.#idle.abort();
  }

  /** Sends one event by itself, once, whatever else is under way. */
  send(event: OutgoingEvent): Promise<PostResult> {
    const message = renderMessage([event], this.#webhook.batch > 1);
    const headers = renderHeaders(message, this.#webhook, this.#parts.nowMs());
    const how = { parts: this.#parts, signal: this.#closing.signal };
    return postOnce(this.#webhook, { headers, body: message.body }, how);
  }

  /** What is under way is broken off: it goes out again the next time. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.wake();
    await this.#over;
  }

  get #isMine(): boolean {
    return this.#parts.monotonicMs() < this.#mineUntilMs;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        const more = await this.#turn(signal);
        if (!more) await this.#wait(idleMs);
      } catch (error) {
        if (signal.aborted) return;
        this.#parts.onError(error as Error);
        await pause(idleMs, signal);
      }
    }
  }

  async #wait(ms: number): Promise<void> {
    this.#idle = new AbortController();
    if (!this.#closing.signal.aborted) await pause(ms, this.#idle.signal);
  }

  /** One window. False: there is nothing to do now. */
  async #turn(closing: AbortSignal): Promise<boolean> {
    const { outbox, monotonicMs } = this.#parts;
    // Asked for anew in time, or when somebody says that something has changed.
    if (this.#mineUntilMs - monotonicMs() < (leaseMs * 2) / 3) this.#state = await this.#claim();
    const state = this.#state;
    if (!state || state.stopped !== null) return false;
    const entries = await outbox.entries(state.position, windowSize);
    if (entries.length === 0) return false;
    const lost = new AbortController();
    const keeping = setInterval(() => void this.#keep(lost), leaseMs / 3);
    try {
      const signal = AbortSignal.any([closing, lost.signal]);
      const letters = await this.#deliver(entries, signal);
      const position = entries.at(-1)!.sequence;
      const isOurs = await outbox.advance(this.#webhook.name, position, letters);
      this.#state = isOurs ? { ...state, position } : null;
      if (!isOurs) this.#mineUntilMs = 0;
      return isOurs;
    } catch (error) {
      this.#mineUntilMs = 0;
      if (!(error instanceof LaneEnded)) throw error;
      if (error.kind === 'gone') await outbox.stop(this.#webhook.name, 'the receiver answered with 410 Gone');
      return false;
    } finally {
      clearInterval(keeping);
    }
  }

  async #claim() {
    const { outbox, monotonicMs } = this.#parts;
    // Counted from before it was asked for, so that ours never outlasts the store's.
    const askedAtMs = monotonicMs();
    const state = await outbox.claim(this.#webhook.name, leaseMs);
    this.#mineUntilMs = state ? askedAtMs + leaseMs : 0;
    return state;
  }

  /** Keeps the right while a window is under way; where that fails for too long, what is under way is broken off. */
  async #keep(lost: AbortController): Promise<void> {
    try {
      const state = await this.#claim();
      if (!state || state.stopped !== null) lost.abort();
    } catch (error) {
      this.#parts.onError(error as Error);
      if (!this.#isMine) lost.abort();
    }
  }

  async #deliver(entries: readonly OutboxEntry[], signal: AbortSignal) {
    const { types, batch } = this.#webhook;
    const events = entries
      .map((entry) => mapEntry(entry, this.#source))
      .filter(({ type }) => types === null || matchesAny(types, type));
    // Batches hold events of many subjects, so they follow each other; else only events of a subject do.
    const queues = batch > 1 ? [events] : [...Map.groupBy(events, ({ subject }) => subject).values()];
    const ended = new AbortController();
    const own = { parts: this.#laneParts(), signal: AbortSignal.any([signal, ended.signal]) };
    const next = queues.values();
    const work = async () => {
      const letters = [];
      for (const queue of next) letters.push(...(await deliverInOrder(this.#webhook, queue, own)));
      return letters;
    };
    const working = Array.from({ length: Math.min(lanes, queues.length) }, () =>
      work().catch((error: unknown) => {
        ended.abort();
        throw error;
      }),
    );
    const done = await Promise.allSettled(working);
    const failures = done.flatMap((each) => (each.status === 'rejected' ? [each.reason as Error] : []));
    const first =
      failures.find((error) => !(error instanceof LaneEnded && error.kind === 'closed')) ?? failures[0];
    if (first) throw first;
    return done.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
  }

  #laneParts(): LaneParts {
    return { ...this.#parts, onTry: (result) => this.#note(result) };
  }

  #note(result: PostResult): void {
    if (result.kind === 'taken') this.#taken++;
    else this.#failed++;
    this.#failing = result.kind === 'taken' ? null : result.kind === 'gone' ? 'status 410' : result.reason;
  }
}
