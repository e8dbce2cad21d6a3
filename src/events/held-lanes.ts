import type { HeldSubject, Outbox } from '#core/contracts/outbox.ts';
import type { OutgoingEvent } from './cloud-event.ts';
import { LaneEnded, pause } from './lane.ts';

export interface HeldLanesParts {
  readonly outbox: Pick<Outbox, 'entries'>;
  /** Of entries of the books, those of a subject that are wanted. */
  select(entries: Awaited<ReturnType<Outbox['entries']>>, subject: string): readonly OutgoingEvent[];
  /** Delivers one event, or gives it up; `onFailed` is told of each try that failed. @throws LaneEnded */
  deliver(event: OutgoingEvent, how: { readonly signal: AbortSignal; onFailed(): void }): Promise<void>;
  /** A lane is further. */
  save(): Promise<void>;
  /** The receiver wants nothing any more. */
  onGone(): Promise<void>;
  onError(error: Error): void;
}

interface Lane {
  readonly subject: string;
  after: number;
  /** Was the last try a failure? */
  isTroubled: boolean;
  readonly end: AbortController;
  over: Promise<void>;
}

/** Entries of the books that are looked at together. */
const portion = 256;
const pauseMs = 1_000;

/**
 * Subjects whose events wait for one that is not taken. Each goes on by itself, beside all others, until it has come to where they
 * are; then it is one of them again.
 */
export class HeldLanes {
  readonly #parts: HeldLanesParts;
  readonly #lanes = new Map<string, Lane>();
  /** Where the others are, and where they were before; Infinity: they have not begun. */
  #position = Infinity;
  #before = Infinity;
  /** Resolved, and made anew, whenever a lane may go on or is further. */
  #moved = Promise.withResolvers<void>();

  constructor(parts: HeldLanesParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#lanes.size;
  }

  has(subject: string): boolean {
    return this.#lanes.has(subject);
  }

  list(): HeldSubject[] {
    return Array.from(this.#lanes.values(), ({ subject, after }) => ({ subject, after }));
  }

  /** The others have come to `position`; these wait from now on. Those that waited before go on as they are. */
  reach(position: number, held: readonly (HeldSubject & { readonly waitMs?: number })[]): void {
    if (position !== this.#position) [this.#before, this.#position] = [this.#position, position];
    for (const one of held) if (!this.#lanes.has(one.subject)) this.#begin(one);
    this.#move();
  }

  /** Waits for those that are all but there, and lets them be. True: there were some. */
  async release(): Promise<boolean> {
    let isAny = false;
    for (const lane of [...this.#lanes.values()]) {
      const isNear = () => !lane.isTroubled && lane.after >= this.#before && lane.after < this.#position;
      while (isNear() && !lane.end.signal.aborted) await this.#moved.promise;
      if (lane.after < this.#position) continue;
      this.#lanes.delete(lane.subject);
      lane.end.abort();
      isAny = true;
    }
    return isAny;
  }

  /** Breaks off what is under way. */
  async drop(): Promise<void> {
    const all = [...this.#lanes.values()];
    this.#lanes.clear();
    this.#position = this.#before = Infinity;
    for (const { end } of all) end.abort();
    this.#move();
    await Promise.all(all.map(({ over }) => over));
  }

  #begin({ subject, after, waitMs = 0 }: HeldSubject & { readonly waitMs?: number }): void {
    const lane = { subject, after, isTroubled: true, end: new AbortController(), over: Promise.resolve() };
    lane.end.signal.addEventListener('abort', () => this.#move());
    this.#lanes.set(subject, lane);
    lane.over = pause(waitMs, lane.end.signal).then(() => this.#run(lane));
  }

  #move(): void {
    this.#moved.resolve();
    this.#moved = Promise.withResolvers();
  }

  async #run(lane: Lane): Promise<void> {
    const { signal } = lane.end;
    while (!signal.aborted) {
      try {
        if (lane.after < this.#position) await this.#goOn(lane);
        else await this.#moved.promise;
      } catch (error) {
        if (signal.aborted) return;
        lane.isTroubled = true;
        this.#move();
        if (error instanceof LaneEnded) {
          if (error.kind === 'gone') await this.#parts.onGone().catch(this.#parts.onError);
        } else this.#parts.onError(error as Error);
        await pause(pauseMs, signal);
      }
    }
  }

  async #goOn(lane: Lane): Promise<void> {
    const { signal } = lane.end;
    const { outbox, select, deliver, save } = this.#parts;
    const upTo = this.#position;
    const entries = (await outbox.entries(lane.after, portion)).filter(({ sequence }) => sequence <= upTo);
    const onFailed = () => {
      lane.isTroubled = true;
      this.#move();
    };
    for (const event of select(entries, lane.subject)) {
      await deliver(event, { signal, onFailed });
      lane.isTroubled = false;
      lane.after = event.sequence;
      this.#move();
    }
    if (signal.aborted) return;
    lane.isTroubled = false;
    lane.after = entries.at(-1)?.sequence ?? upTo;
    this.#move();
    await save();
  }
}
