import type { DeadLetter, Outbox, OutboxEntry, WebhookState } from '#core/contracts/outbox.ts';
import { matchesAny } from '#core/name-pattern.ts';
import type { WebhookPlan } from '#core/webhook.ts';
import { mapEntry, type OutgoingEvent } from './cloud-event.ts';
import { HeldLanes } from './held-lanes.ts';
import { deliverInOrder, LaneEnded, pause, type LaneParts, type LaneResult } from './lane.ts';
import { postOnce, type PostResult } from './post.ts';
import { renderHeaders, renderMessage } from './webhook-request.ts';

export interface DeliveryParts extends Omit<LaneParts, 'onTry'> {
  readonly outbox: Outbox;
  /** An event that is not taken for so long no longer holds others up (default 20,000). */
  readonly patienceMs?: number;
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
const patienceMs = 20_000;
/** Subjects that are held at most: with more it is the receiver, and everything waits for it. */
const mostHeld = 64;
/** For whatever nobody wakes us for: what other nodes put on the books. */
const idleMs = 1_000;

/** The delivery of one webhook. Everything that was on the books when it began, and comes since, goes out at least once. */
export class WebhookDelivery {
  readonly #webhook: WebhookPlan;
  readonly #source: string;
  readonly #parts: DeliveryParts;
  readonly #closing = new AbortController();
  readonly #held: HeldLanes;
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
    this.#held = this.#openHeld();
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
        if (signal.aborted) break;
        this.#parts.onError(error as Error);
        if (!this.#isMine) await this.#held.drop();
        await pause(idleMs, signal);
      }
    }
    await this.#held.drop();
  }

  async #wait(ms: number): Promise<void> {
    this.#idle = new AbortController();
    if (!this.#closing.signal.aborted) await pause(ms, this.#idle.signal);
  }

  /** One window. False: there is nothing to do now. */
  async #turn(closing: AbortSignal): Promise<boolean> {
    const { monotonicMs } = this.#parts;
    // Asked for anew in time, or when somebody says that something has changed.
    if (this.#mineUntilMs - monotonicMs() < (leaseMs * 2) / 3) this.#state = await this.#claim();
    const state = this.#state;
    if (!state || state.stopped !== null) {
      await this.#held.drop();
      return false;
    }
    this.#held.reach(state.position, state.held);
    const lost = new AbortController();
    const keeping = setInterval(() => void this.#keep(lost), leaseMs / 3);
    try {
      return await this.#window(state, AbortSignal.any([closing, lost.signal]));
    } catch (error) {
      this.#mineUntilMs = 0;
      if (!(error instanceof LaneEnded)) throw error;
      if (error.kind === 'gone') await this.#stop();
      return false;
    } finally {
      clearInterval(keeping);
    }
  }

  async #window(state: WebhookState, signal: AbortSignal): Promise<boolean> {
    if ((await this.#held.release()) && !(await this.#save([]))) return false;
    const entries = await this.#parts.outbox.entries(state.position, windowSize);
    if (entries.length === 0) return false;
    const { letters, held } = await this.#deliver(entries, signal);
    const position = entries.at(-1)!.sequence;
    this.#state = { ...state, position };
    this.#held.reach(position, held);
    return this.#save(letters);
  }

  /** Notes how far it is. False: it is another node's by now. */
  async #save(letters: readonly DeadLetter[]): Promise<boolean> {
    const state = this.#state;
    if (!state) return false;
    this.#state = { ...state, held: this.#held.list() };
    if (await this.#parts.outbox.advance(this.#webhook.name, this.#state, letters)) return true;
    this.#state = null;
    this.#mineUntilMs = 0;
    return false;
  }

  async #stop(): Promise<void> {
    await this.#parts.outbox.stop(this.#webhook.name, 'the receiver answered with 410 Gone');
    this.wake();
  }

  #openHeld(): HeldLanes {
    return new HeldLanes({
      outbox: this.#parts.outbox,
      select: (entries, subject) => this.#wanted(entries).filter((event) => event.subject === subject),
      deliver: async (event, { signal, onFailed }) => {
        const onTry = (result: PostResult) => {
          this.#note(result);
          if (result.kind !== 'taken') onFailed();
        };
        const parts = { ...this.#parts, onTry };
        const manner = { parts, signal, batch: 1, patienceMs: 0, room: { left: 0 } };
        const { letters } = await deliverInOrder(this.#webhook, [event], manner);
        if (letters.length > 0) await this.#save(letters);
      },
      save: async () => void (await this.#save([])),
      onGone: () => this.#stop(),
      onError: (error) => this.#parts.onError(error),
    });
  }

  #wanted(entries: readonly OutboxEntry[]): OutgoingEvent[] {
    const { types } = this.#webhook;
    return entries
      .map((entry) => mapEntry(entry, this.#source))
      .filter(({ type }) => types === null || matchesAny(types, type));
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

  async #deliver(entries: readonly OutboxEntry[], signal: AbortSignal): Promise<LaneResult> {
    const { batch } = this.#webhook;
    const events = this.#wanted(entries).filter(({ subject }) => !this.#held.has(subject));
    // Batches hold events of many subjects, so they follow each other; else only events of a subject do.
    const queues = batch > 1 ? [events] : [...Map.groupBy(events, ({ subject }) => subject).values()];
    const ended = new AbortController();
    const manner = {
      parts: { ...this.#parts, onTry: (result: PostResult) => this.#note(result) },
      signal: AbortSignal.any([signal, ended.signal]),
      batch,
      patienceMs: this.#parts.patienceMs ?? patienceMs,
      room: { left: mostHeld - this.#held.size },
    };
    const next = queues.values();
    const work = async () => {
      const results = [];
      for (const queue of next) results.push(await deliverInOrder(this.#webhook, queue, manner));
      return results;
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
    const results = done.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
    return {
      letters: results.flatMap(({ letters }) => letters),
      held: results.flatMap(({ held }) => held),
    };
  }

  #note(result: PostResult): void {
    if (result.kind === 'taken') this.#taken++;
    else this.#failed++;
    this.#failing = result.kind === 'taken' ? null : result.kind === 'gone' ? 'status 410' : result.reason;
  }
}
