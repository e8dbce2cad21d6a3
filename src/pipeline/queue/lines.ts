import type { Soon } from '#core/contracts/counter-store.ts';
import type { Clock } from '#core/contracts/clock.ts';
import type { Inbound } from '#core/contracts/inbound.ts';
import type { Observer } from '#core/contracts/observer.ts';
import { Fault } from '#core/fault.ts';
import type { QueueRules } from '#core/queue-rules.ts';
import { FairLine, type Standing } from './fair-line.ts';

/** Whatever is waited for, there is no room for now. */
export interface Refusal {
  /** What the call ends with, should it not wait any longer. */
  readonly fault: Fault;
  /** Names the line: what there is no room in. */
  readonly subject: string;
  /** What the call wants of it; the whole line's unit. */
  readonly cost: number;
  /** Until there could be room; Infinity: there never is for this call. Null: nobody can say. */
  readonly retryAfterMs: number | null;
  /** How it is waited for where the route says nothing of it; absent: not at all. */
  readonly rules?: QueueRules;
}

export interface Waiting extends Omit<Standing, 'cost'> {
  readonly route: string;
  readonly inbound: Inbound;
  /** By the monotonic clock: nobody waits longer. */
  readonly untilMs: number;
  /** Places in the line. */
  readonly max: number;
  /** Tries once more. Null: there was room, and it is taken. @throws Fault of another kind, which ends the wait. */
  attempt(): Soon<Refusal | null>;
}

interface Entry extends Standing {
  cost: number;
  readonly waiting: Waiting;
  refusal: Refusal;
  readonly timer: NodeJS.Timeout;
  resolve(): void;
  reject(error: unknown): void;
}

/** Room may come by others, in other threads and nodes, of which nobody here hears. */
const looksAfterMs = 250;
const looksAgainMs = 50;

/**
 * The lines of one thread: calls that wait for room, each in the line of what refused it. The one whose turn it is asks again when
 * there could be room, and nobody overtakes it in this thread. Whether there is room is said by what refused, never here:
 * so nothing is passed, whatever the order. A place is given up when its time is over, or its client has gone.
 */
export class Lines {
  readonly #clock: Clock;
  readonly #observer: Pick<Observer, 'queued' | 'unqueued'>;
  readonly #lines = new Map<string, Line>();

  constructor(clock: Clock, observer: Pick<Observer, 'queued' | 'unqueued'>) {
    this.#clock = clock;
    this.#observer = observer;
  }

  /** Nobody waits in this thread. */
  get isEmpty(): boolean {
    return this.#lines.size === 0;
  }

  /** Does somebody wait for one of these? Then others do not ask before: what they would be told is what it was told last. */
  refusalOf(wanted: readonly { readonly subject: string; readonly amount: number }[]): Refusal | null {
    for (const { subject, amount } of wanted) {
      const line = this.#lines.get(subject);
      if (line) return { ...line.refusal, cost: amount, retryAfterMs: null };
    }
    return null;
  }

  /** Is there a place in the line, and could there be room in time? */
  admits({ untilMs, max }: Pick<Waiting, 'untilMs' | 'max'>, refusal: Refusal): boolean {
    const size = this.#lines.get(refusal.subject)?.size ?? 0;
    return size < max && fits(refusal, untilMs - this.#clock.monotonicMs());
  }

  /**
   * Waits until `attempt` finds room; ask `admits` first.
   * @throws Fault of the refusal where there is no room in time; `client/gone`; whatever `attempt` throws.
   */
  async wait(waiting: Waiting, refusal: Refusal): Promise<void> {
    const beganMs = this.#clock.monotonicMs();
    this.#observer.queued(waiting.route);
    let isAdmitted = false;
    try {
      await this.#enter(waiting, refusal, waiting.untilMs - beganMs);
      isAdmitted = true;
    } finally {
      this.#observer.unqueued(waiting.route, this.#clock.monotonicMs() - beganMs, isAdmitted);
    }
  }

  /** Something of these was given back in this thread. */
  wake(subjects: Iterable<string>): void {
    if (this.#lines.size === 0) return;
    for (const subject of subjects) this.#lines.get(subject)?.look();
  }

  #enter(waiting: Waiting, refusal: Refusal, leftMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (error: unknown) => {
        const line = this.#lines.get(entry.refusal.subject);
        if (line?.leave(entry)) reject(error);
      };
      const { flow, weight, level, inbound } = waiting;
      const entry: Entry = {
        ...{ flow, weight, level, cost: costOf(refusal), waiting, refusal },
        timer: setTimeout(() => leave(entry.refusal.fault), leftMs),
        resolve,
        reject,
      };
      inbound.onGone(() => leave(new Fault('client/gone', 'The client hung up while it waited.')));
      if (!inbound.gone) this.#add(entry);
      else {
        clearTimeout(entry.timer);
        reject(new Fault('client/gone', 'The client hung up while it waited.'));
      }
    });
  }

  #add(entry: Entry): void {
    const { subject } = entry.refusal;
    let line = this.#lines.get(subject);
    if (!line) {
      line = new Line(this.#clock, entry.refusal, {
        emptied: () => this.#lines.delete(subject),
        moved: (moving) => this.#add(moving),
      });
      this.#lines.set(subject, line);
    }
    line.add(entry);
  }
}

interface LineHost {
  emptied(): void;
  /** It is another thing that has no room for it now. */
  moved(entry: Entry): void;
}

class Line {
  readonly #clock: Clock;
  readonly #host: LineHost;
  readonly #entries = new FairLine<Entry>();
  #timer: NodeJS.Timeout | null = null;
  /** The one that is asking. */
  #asking: Entry | null = null;
  #again = false;

  /** What was said last. */
  refusal: Refusal;

  constructor(clock: Clock, refusal: Refusal, host: LineHost) {
    this.#clock = clock;
    this.refusal = refusal;
    this.#host = host;
  }

  get size(): number {
    return this.#entries.size;
  }

  add(entry: Entry): void {
    this.#entries.add(entry);
    if (this.#entries.head() === entry && this.#asking === null) this.#lookIn(entry.refusal.retryAfterMs);
  }

  /** False: it is admitted just now, or was. */
  leave(entry: Entry): boolean {
    if (this.#asking === entry || !this.#entries.remove(entry, 'left')) return false;
    clearTimeout(entry.timer);
    this.#next();
    return true;
  }

  look(): void {
    if (this.#asking !== null) {
      this.#again = true;
      return;
    }
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    void this.#ask();
  }

  async #ask(): Promise<void> {
    for (let entry = this.#entries.head(); entry !== null; entry = this.#entries.head()) {
      this.#again = false;
      this.#asking = entry;
      let refusal: Refusal | null = null;
      let thrown: unknown = null;
      try {
        const { inbound, untilMs } = entry.waiting;
        if (inbound.gone) throw new Fault('client/gone', 'The client hung up while it waited.');
        refusal = await entry.waiting.attempt();
        if (refusal && !fits(refusal, untilMs - this.#clock.monotonicMs())) throw refusal.fault;
      } catch (error) {
        thrown = error;
      }
      this.#asking = null;
      const isAdmitted = refusal === null && thrown === null;
      if (refusal && thrown === null) {
        entry.refusal = refusal;
        entry.cost = costOf(refusal);
        if (refusal.subject !== this.refusal.subject) {
          this.#entries.remove(entry, 'left');
          this.#host.moved(entry);
          continue;
        }
        this.refusal = refusal;
        // Meanwhile something was given back.
        if (this.#again) continue;
        return this.#lookIn(refusal.retryAfterMs);
      }
      this.#entries.remove(entry, isAdmitted ? 'served' : 'left');
      clearTimeout(entry.timer);
      if (isAdmitted) entry.resolve();
      else entry.reject(thrown);
    }
    this.#host.emptied();
  }

  #next(): void {
    if (this.#asking !== null) return;
    if (this.#entries.size === 0) {
      if (this.#timer) clearTimeout(this.#timer);
      this.#timer = null;
      this.#host.emptied();
    } else this.look();
  }

  #lookIn(ms: number | null): void {
    if (this.#timer) clearTimeout(this.#timer);
    const waitMs = ms === null ? looksAgainMs : Math.min(Math.max(1, ms), looksAfterMs);
    this.#timer = setTimeout(() => this.look(), waitMs);
  }
}

const costOf = ({ cost }: Refusal): number => Math.max(1, cost);

const fits = ({ retryAfterMs }: Refusal, leftMs: number): boolean =>
  leftMs > 0 && (retryAfterMs === null || retryAfterMs <= leftMs);
