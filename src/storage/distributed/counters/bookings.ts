import type { LimitItem, Reservation } from '#core/contracts/counter-store.ts';

/** What this thread knows of one reservation, so that it can be booked again where it is not known. */
export interface Booking {
  /** Under which the store knows it. */
  readonly key: string;
  readonly items: readonly LimitItem[];
  readonly admittedAtMs: number;
  /** Item by item, what stands booked, as far as is known here. */
  booked: readonly number[];
  /** The last debit or extension. */
  step: number;
  /** By the store's time; null: it is open. */
  closedAtMs: number | null;
  /** Of the counters that know of it; null: this node admitted it by itself. */
  marker: string | null;
  /** In this node's own store. */
  alone: Reservation | null;
}

/** The ledger knows of a call at the latest so long after it was settled. */
export const ledgerLagMs = 5000;
/** Of the counters' losses, the ones that are noticed later than this are not noticed at all. */
const noticedWithinMs = 5000;
/** Closed ones that are remembered. */
const mostClosed = 50_000;

/** Open reservations of a thread, and those that were closed so lately that the ledger may not know of them. */
export class Bookings {
  readonly #open = new Map<string, Booking>();
  /** In the order in which they were closed. */
  #closed: Booking[] = [];

  /** Some that this node admitted by itself were more than it remembers. */
  isIncomplete = false;

  get openCount(): number {
    return this.#open.size;
  }

  add(id: string, booking: Booking): void {
    this.#open.set(id, booking);
  }

  find(id: string): Booking | undefined {
    return this.#open.get(id);
  }

  close(id: string, used: readonly number[], nowMs: number): void {
    const booking = this.#open.get(id);
    if (!booking) return;
    this.#open.delete(id);
    booking.booked = used;
    booking.closedAtMs = nowMs;
    this.#closed.push(booking);
    if (this.#closed.length <= 2 * mostClosed) return;
    const forgotten = this.#closed.splice(0, mostClosed);
    if (forgotten.some(({ marker }) => marker === null)) this.isIncomplete = true;
  }

  /** Those that counters which began with what the ledger knew at `readAtMs` may not know of. */
  missingIn(marker: string, readAtMs: number): Booking[] {
    const isMissing = (booking: Booking) =>
      booking.marker !== marker &&
      (booking.closedAtMs === null || booking.closedAtMs >= readAtMs - ledgerLagMs);
    return [...this.#open.values(), ...this.#closed].filter(isMissing);
  }

  /** Forgets what the ledger knows by now. Only while the counters can be counted on. */
  prune(nowMs: number): void {
    const fromMs = nowMs - ledgerLagMs - noticedWithinMs;
    if (this.#closed.length === 0 || this.#closed[0]!.closedAtMs! >= fromMs) return;
    this.#closed = this.#closed.filter(({ closedAtMs }) => closedAtMs! >= fromMs);
  }
}
