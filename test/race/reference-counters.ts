/**
 * The window's definition in the slowest and plainest words: every admission is kept for ever, and counted by looking
 * at its pane. Shares no code with the store.
 */
interface Booking {
  readonly subject: string;
  readonly windowMs: number;
  readonly atMs: number;
  amount: number;
}

export interface ReferenceItem {
  readonly subject: string;
  readonly windowMs: number;
  readonly capacity: number;
  readonly amount: number;
}

export interface ReferenceAnswer {
  readonly admitted: boolean;
  readonly bookings: readonly Booking[];
  /** Of the items that do not fit, the longest wait. */
  readonly retryAfterMs: number;
  readonly remaining: readonly number[];
}

export class ReferenceCounters {
  #bookings: Booking[] = [];

  used(subject: string, windowMs: number, nowMs: number): number {
    const paneMs = Math.ceil(windowMs / 60);
    const panes = Math.ceil(windowMs / paneMs);
    const mine = this.#bookings.filter((b) => b.subject === subject && b.windowMs === windowMs);
    const seenMs = Math.max(nowMs, ...mine.map((b) => b.atMs));
    return mine
      .filter((b) => Math.floor(seenMs / paneMs) - Math.floor(b.atMs / paneMs) <= panes)
      .reduce((sum, b) => sum + b.amount, 0);
  }

  reserve(items: readonly ReferenceItem[], nowMs: number): ReferenceAnswer {
    const wantedOf = (item: ReferenceItem, end: number): number =>
      items
        .slice(0, end)
        .filter((other) => other.subject === item.subject && other.windowMs === item.windowMs)
        .reduce((sum, other) => sum + other.amount, 0);
    const unfit = items.filter((item, i) => {
      return this.used(item.subject, item.windowMs, nowMs) + wantedOf(item, i + 1) > item.capacity;
    });
    const left = (item: ReferenceItem, taken: number): number =>
      Math.max(0, item.capacity - this.used(item.subject, item.windowMs, nowMs) - taken);
    if (unfit.length > 0) {
      const waits = unfit.map((item) => this.#wait(item, wantedOf(item, items.indexOf(item) + 1), nowMs));
      return {
        admitted: false,
        bookings: [],
        retryAfterMs: Math.max(...waits),
        remaining: items.map((item) => left(item, 0)),
      };
    }
    const remaining = items.map((item) => left(item, wantedOf(item, items.length)));
    const bookings = items.map(({ subject, windowMs, amount }) => {
      const seen = this.#bookings.filter((b) => b.subject === subject && b.windowMs === windowMs);
      return { subject, windowMs, amount, atMs: Math.max(nowMs, ...seen.map((b) => b.atMs)) };
    });
    this.#bookings.push(...bookings);
    return { admitted: true, bookings, retryAfterMs: 0, remaining };
  }

  /** Steps through time until it fits. */
  #wait(item: ReferenceItem, wanted: number, nowMs: number): number {
    if (wanted > item.capacity) return Infinity;
    for (let waitMs = 1; ; waitMs++) {
      if (this.used(item.subject, item.windowMs, nowMs + waitMs) + wanted <= item.capacity) return waitMs;
    }
  }
}
