import type { Receipt } from '../receipt.ts';
import type { EventRecord } from './events.ts';

/** What came on the books: a receipt, what one says now in place of what it said, or an event. */
export type OutboxEntry = { readonly sequence: number } & (
  | { readonly type: 'receipt' | 'correction'; readonly receipt: Receipt }
  | { readonly type: 'event'; readonly event: EventRecord }
);

/** How far a webhook is. */
export interface WebhookProgress {
  /** Everything up to this number was delivered, given up, or not wanted, but for what is held. */
  readonly position: number;
  /** Subjects of which an event is not taken: the later ones wait for it, those of others do not. */
  readonly held: readonly HeldSubject[];
}

export interface HeldSubject {
  readonly subject: string;
  /** Of its events those up to this number are done. */
  readonly after: number;
}

export interface WebhookState extends WebhookProgress {
  /** Why nothing is delivered any more; null: it is. */
  readonly stopped: string | null;
}

/** An event that was given up. */
export interface DeadLetter {
  readonly webhook: string;
  readonly sequence: number;
  /** The CloudEvent as it was to be delivered: JSON. */
  readonly event: string;
  /** What became of the last try. */
  readonly reason: string;
  readonly tries: number;
}

export type StoredLetter = DeadLetter & { readonly id: number; readonly atMs: number };

export interface LetterQuery {
  readonly webhook?: string;
  readonly id?: number;
}

/** What is to be told to others, and how far each of them is: part of the books. */
export interface Outbox {
  /** In the order in which it came on the books, after this number; at most `limit`. */
  entries(after: number, limit: number): Promise<readonly OutboxEntry[]>;
  /**
   * Takes, or keeps, the right to deliver to a webhook for so long by the store's clock; null: another node has it. One that is new
   * begins where the books end now.
   */
  claim(webhook: string, leaseMs: number): Promise<WebhookState | null>;
  /** It is so far now, and these were given up. False: the right was lost, or it was further; nothing is changed. */
  advance(webhook: string, progress: WebhookProgress, letters: readonly DeadLetter[]): Promise<boolean>;
  /** Nothing more is delivered, for a reason; null: it is again. False: there is no such webhook. */
  stop(webhook: string, reason: string | null): Promise<boolean>;
  /** The latest, or those of a webhook, or the one of an id; at most `limit`. */
  letters(of: LetterQuery, limit: number): Promise<readonly StoredLetter[]>;
  /** Takes one away; null: there is none. */
  takeLetter(id: number): Promise<StoredLetter | null>;
  /** All that there ever were. */
  states(): Promise<readonly (WebhookState & { readonly webhook: string; readonly letters: number })[]>;
  /** Where the books end. */
  end(): Promise<number>;
}
