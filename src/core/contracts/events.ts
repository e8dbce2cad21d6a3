/** What happens besides usage, for whoever wants to know of it: budgets, costs, keys (docs/events.md). */
export type EventType =
  /** A budget has passed one of its thresholds. */
  | 'budget.threshold'
  /** A budget has ended an answer. */
  | 'budget.cut'
  /** What a provider says an attempt cost is not what the price book says. */
  | 'cost.disagrees'
  | 'key.created'
  | 'key.revoked';

export interface EventRecord {
  /**
   * Unique among all events, and made of what it tells of, so that whoever tells it again, or another thread that saw the
   * same, gives the same one: it is put on record, and delivered, once. Such as `budget/daily/project:shop/1764547200000/80`.
   */
  readonly id: string;
  readonly type: EventType;
  /** What it is about, such as `project:shop`. Events of one subject arrive in order. */
  readonly subject: string;
  readonly atMs: number;
  /** JSON. Amounts of money are decimal strings. */
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Events {
  /**
   * Puts it on the thread's journal, from where it reaches the ledger and those who subscribed. Waits for nothing and never
   * throws; what cannot be written is told to the observer.
   */
  emit(event: EventRecord): void;
}
