import type { LimitItem, LimitState, LimitWindow } from '#core/contracts/counter-store.ts';

/**
 * The contract in the slowest and plainest words: every admission is kept for ever, and what counts is found by looking at all of
 * them; waits are found by stepping through time. Shares no code with the stores.
 */
export interface ModelAnswer {
  readonly admitted: boolean;
  readonly granted: readonly number[];
  readonly refusedBy: number;
  readonly retryAfterMs: number;
  readonly states: readonly LimitState[];
}

type Limited = Pick<LimitItem, 'subject' | 'window' | 'capacity'>;

interface Booking {
  /** Of the row, when it was admitted: the greatest it had been reserved at. */
  readonly atMs: number;
  /** Of a calendar: where the period begins that it is booked in. */
  readonly startMs: number;
  units: number;
  /** Of a bucket: where its last units end, among all that were ever queued, and how many lie there together. */
  end: number;
  together: number;
}

class Row {
  readonly bookings: Booking[] = [];
  timeMs = -Infinity;
  /** Of a calendar: beginnings and ends of periods that something was reserved in, the latest last. */
  readonly periods: { startMs: number; endMs: number }[] = [];
  /** Of a bucket. */
  queued = 0;
  spare = 0n;
  gone = 0;
  rate = 0;

  used({ window, capacity }: Limited, nowMs: number): number {
    const sum = (of: readonly Booking[]) => of.reduce((total, { units }) => total + units, 0);
    switch (window.kind) {
      case 'held':
        return sum(this.bookings);
      case 'sliding': {
        const paneMs = Math.ceil(window.windowMs / 60);
        const panes = Math.ceil(window.windowMs / paneMs);
        const now = Math.floor(Math.max(nowMs, this.timeMs) / paneMs);
        return sum(this.bookings.filter(({ atMs }) => now - Math.floor(atMs / paneMs) <= panes));
      }
      case 'calendar': {
        const start = this.periodAt(window, nowMs).startMs;
        return sum(this.bookings.filter(({ startMs }) => startMs === start));
      }
      case 'bucket':
        return this.queued - this.#out(window, nowMs, capacity).units;
    }
  }

  /** The period of a time, or the latest that something was reserved in. */
  periodAt({ startMs, endMs, nextEndMs }: Extract<LimitWindow, { kind: 'calendar' }>, nowMs: number) {
    const its = nowMs < endMs ? { startMs, endMs } : { startMs: endMs, endMs: nextEndMs };
    const latest = this.periods.at(-1);
    return latest && latest.startMs > its.startMs ? latest : its;
  }

  #out({ windowMs }: { windowMs: number }, nowMs: number, rate: number) {
    const passedMs = Math.max(0, nowMs - this.timeMs);
    if (this.timeMs === -Infinity || passedMs === 0) return { units: 0, spare: this.spare };
    const over = BigInt(passedMs) * BigInt(rate) + this.spare;
    const units = Number(over / BigInt(windowMs));
    return units >= this.queued
      ? { units: this.queued, spare: 0n }
      : { units, spare: over % BigInt(windowMs) };
  }

  advance({ window, capacity }: Limited, nowMs: number): void {
    if (window.kind === 'bucket') {
      const { units, spare } = this.#out(window, nowMs, capacity);
      this.queued -= units;
      this.gone += units;
      this.spare = spare;
      this.rate = capacity;
    }
    if (window.kind === 'calendar') {
      const period = this.periodAt(window, nowMs);
      if (period.startMs !== this.periods.at(-1)?.startMs) this.periods.push(period);
    }
    this.timeMs = Math.max(this.timeMs, nowMs);
  }

  book({ window }: Limited, units: number): Booking {
    const startMs = this.periods.at(-1)?.startMs ?? 0;
    const booking = { atMs: this.timeMs, startMs, units, end: -1, together: 0 };
    this.bookings.push(booking);
    if (window.kind === 'bucket') this.#queue(booking, units);
    return booking;
  }

  #queue(booking: Booking, units: number): void {
    if (units === 0) return;
    const end = this.gone + this.queued;
    booking.together = units + (booking.end === end ? booking.together : 0);
    booking.end = end + units;
    this.queued += units;
  }

  /** Changes what is booked, as far as that still counts. Returns by how much. */
  correct({ window }: Limited, booking: Booking, change: number): number {
    if (window.kind === 'bucket') {
      if (change >= 0) this.#queue(booking, change);
      else {
        change = -Math.max(0, Math.min(-change, booking.end - this.gone, booking.together));
        this.queued += change;
        this.gone -= change;
        booking.together += change;
      }
    } else if (this.isOver(window, booking, this.timeMs)) return 0;
    booking.units += change;
    return change;
  }

  /** Nothing more is booked in a window that is over; in a period of a calendar as long as it is the one before. */
  isOver(window: LimitWindow, booking: Booking, nowMs: number): boolean {
    if (window.kind === 'calendar')
      return !this.periods.slice(-2).some(({ startMs }) => startMs === booking.startMs);
    if (window.kind !== 'sliding') return false;
    const paneMs = Math.ceil(window.windowMs / 60);
    const now = Math.floor(Math.max(nowMs, this.timeMs) / paneMs);
    return now - Math.floor(booking.atMs / paneMs) > Math.ceil(window.windowMs / paneMs);
  }

  usedBeside({ window, ...limit }: Limited, booking: Booking, nowMs: number): number {
    // A bucket goes on at the pace that it was last asked for.
    if (window.kind !== 'calendar') return this.used({ ...limit, window, capacity: this.rate }, nowMs);
    return this.bookings
      .filter(({ startMs }) => startMs === booking.startMs)
      .reduce((sum, { units }) => sum + units, 0);
  }

  untilFree(limited: Limited, units: number, nowMs: number): number {
    const { window, capacity } = limited;
    const used = this.used(limited, nowMs);
    if (units > used || window.kind === 'held') return Infinity;
    if (window.kind === 'calendar') return Math.max(1, this.periodAt(window, nowMs).endMs - nowMs);
    if (window.kind === 'bucket' && capacity === 0) return Infinity;
    for (let waitMs = 1; ; waitMs++) if (this.used(limited, nowMs + waitMs) <= used - units) return waitMs;
  }
}

export interface ModelReservation {
  readonly items: readonly LimitItem[];
  readonly bookings: readonly Booking[];
  isOpen: boolean;
}

export class CounterModel {
  readonly #rows = new Map<string, Row>();

  #row(subject: string): Row {
    let row = this.#rows.get(subject);
    if (!row) this.#rows.set(subject, (row = new Row()));
    return row;
  }

  reserve(items: readonly LimitItem[], nowMs: number): ModelAnswer & { reservation?: ModelReservation } {
    const granted: number[] = [];
    let refusedBy = -1;
    let retryAfterMs = 0;
    items.forEach((item, i) => {
      const row = this.#row(item.subject);
      const before = items
        .slice(0, i)
        .reduce((sum, { subject }, n) => sum + (subject === item.subject ? granted[n]! : 0), 0);
      const free = ceilingOf(item) - row.used(item, nowMs) - before;
      const needed = Math.min(item.atLeast ?? item.amount, item.amount);
      const fits = needed <= free || (needed === 0 && item.atLeast !== undefined);
      granted.push(fits || needed === 0 ? Math.max(0, Math.min(item.amount, free)) : needed);
      if (fits) return;
      const waitMs = needed > ceilingOf(item) ? Infinity : row.untilFree(item, needed - free, nowMs);
      if (refusedBy !== -1 && waitMs <= retryAfterMs) return;
      refusedBy = i;
      retryAfterMs = waitMs;
    });
    if (refusedBy !== -1) {
      return { admitted: false, granted: [], refusedBy, retryAfterMs, states: this.inspect(items, nowMs) };
    }
    for (const item of items) this.#row(item.subject).advance(item, nowMs);
    const bookings = items.map((item, i) => this.#row(item.subject).book(item, granted[i]!));
    const states = this.inspect(items, nowMs);
    const reservation = { items, bookings, isOpen: true };
    return { admitted: true, granted, refusedBy, retryAfterMs, states, reservation };
  }

  extend({ items, bookings, isOpen }: ModelReservation, amounts: readonly number[], nowMs: number): number[] {
    if (!isOpen) return amounts.map(() => 0);
    return items.map((item, i) => {
      const row = this.#row(item.subject);
      if (row.isOver(item.window, bookings[i]!, nowMs)) return 0;
      const free = ceilingOf(item) - row.usedBeside(item, bookings[i]!, nowMs);
      return row.correct(item, bookings[i]!, Math.max(0, Math.min(amounts[i]!, free)));
    });
  }

  debit({ items, bookings, isOpen }: ModelReservation, amounts: readonly number[]): void {
    if (!isOpen) return;
    items.forEach((item, i) => this.#row(item.subject).correct(item, bookings[i]!, amounts[i]!));
  }

  settle(reservation: ModelReservation, used: readonly number[]): void {
    const { items, bookings, isOpen } = reservation;
    if (!isOpen) return;
    reservation.isOpen = false;
    items.forEach((item, i) => {
      this.#row(item.subject).correct(item, bookings[i]!, used[i]! - bookings[i]!.units);
    });
  }

  inspect(limits: readonly Limited[], nowMs: number): LimitState[] {
    return limits.map((limited) => {
      const row = this.#row(limited.subject);
      const used = row.used(limited, nowMs);
      const limit = ceilingOf(limited);
      return {
        subject: limited.subject,
        limit,
        remaining: Math.max(0, limit - used),
        resetMs: used === 0 ? 0 : row.untilFree(limited, 1, nowMs),
      };
    });
  }
}

const ceilingOf = ({ window, capacity }: Limited): number =>
  window.kind === 'bucket' ? window.burst : capacity;
