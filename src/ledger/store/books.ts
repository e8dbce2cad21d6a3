import type { EventRecord } from '#core/contracts/events.ts';
import type { DeadLetter, StoredLetter, WebhookProgress, WebhookState } from '#core/contracts/outbox.ts';
import type { AttemptProgress } from '#core/contracts/journal.ts';
import type { BatchTotals } from './batch-sums.ts';
import type { AttemptName, GatheredBatch, Incident, OpenAttempt } from './gather-segments.ts';
import type { Asking } from './asking.ts';
import type { PrunedDay } from './pruned-sums.ts';
import type { ReceiptEntry } from './receipt-entry.ts';

/** Where the books end: what is written next has the numbers after these. */
export interface BooksHead {
  /** Of the latest batch: the transaction of double entry. */
  posting: number;
  /**
   * Of the latest receipt, correction or event. Numbers are given under the lock that every writer takes and keeps until
   * its commit, so a reader that has seen one has seen all below it.
   */
  sequence: number;
  /** Receipts whose ids are of earlier days are gone (`sluice ledger prune`); their sums stay. */
  keptFromDay: number;
}

/** A receipt with its place in the books. */
export interface NumberedEntry extends ReceiptEntry {
  readonly sequence: number;
  /** The number of the first receipt that is packed with it. */
  readonly block: number;
}

/** What a receipt says now, in place of what it said. */
export interface Correction {
  readonly sequence: number;
  readonly id: string;
  /** It was settled as a crash, and its own gateway's receipt came; or it was priced anew. */
  readonly reason: 'late' | 'rerated';
  readonly body: string;
}

/** An attempt that nobody will settle any more. */
export interface DeadAttempt extends AttemptName {
  readonly intent: string;
  /** JSON. */
  readonly progress: string | null;
}

/** Whose attempts are given up: those of one life of a worker, all of the node's, or all of another node. */
export type Dead =
  { readonly worker: number; readonly incarnation: string } | { readonly node: string } | 'own';

/** How far each webhook is, and what was given up (contracts/outbox.ts). */
export interface WebhookTables {
  /** @param end Where a new one begins. */
  claim(name: string, leaseMs: number, end: number): Promise<WebhookState | null>;
  advance(name: string, progress: WebhookProgress, letters: readonly DeadLetter[]): Promise<boolean>;
  stop(name: string, reason: string | null): Promise<boolean>;
  takeLetter(id: number): Promise<StoredLetter | null>;
}

/**
 * The tables of the books within one transaction, the only one that writes. Rows come in batches, so that each is a
 * statement or one for each row, as the database likes it best.
 */
export interface BookTables {
  readonly head: BooksHead;
  readonly webhooks: WebhookTables;
  /** @throws when one is there already. */
  addSegments(segments: GatheredBatch['segments']): Promise<void>;
  /** The files of these are gone: nothing can bring them again. */
  forgetSegments(names: readonly string[]): Promise<void>;
  /** Receipts as they stand, corrections included: their bodies by id. */
  bodies(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  addReceipts(entries: readonly NumberedEntry[]): Promise<void>;
  addCorrections(corrections: readonly Correction[]): Promise<void>;
  addTotals(totals: BatchTotals): Promise<void>;
  /** Those that stand open already stay as they are. */
  openAttempts(attempts: readonly OpenAttempt[]): Promise<void>;
  /** A mark replaces an earlier one. Returns those whose attempt is not open. */
  markAttempts(marks: readonly AttemptProgress[]): Promise<AttemptProgress[]>;
  closeAttempts(names: readonly AttemptName[]): Promise<void>;
  /** Notes who is dead; then all attempts of the dead, by exchange and number. */
  deadAttempts(dead: Dead): Promise<DeadAttempt[]>;
  /** An event that is there already is the same. */
  addEvents(events: readonly (EventRecord & { readonly sequence: number })[]): Promise<void>;
  addIncidents(incidents: readonly Incident[]): Promise<void>;
  /** The receipts of a day of ids with their bodies and corrections, and in their place what they sum up to. */
  dropDay(idDay: number, sums: PrunedDay): Promise<void>;
  /** Panes that ended before `nowMs`. */
  dropPanes(nowMs: number): Promise<void>;
  /** Undoes what `work` did if it throws, and throws on. */
  savepoint(work: () => Promise<void>): Promise<void>;
}

/** The books as one node writes them. */
export interface NodeBooks {
  /** Runs `work` in one transaction, after whoever else writes; whatever it throws undoes all of it. */
  write<T>(work: (tables: BookTables) => Promise<T>): Promise<T>;
  /** Those of the segments that are on the books. */
  knownSegments(names: readonly string[]): Promise<ReadonlySet<string>>;
  /** All of the node's that are on the books and whose files may still be there. */
  segmentNames(): Promise<string[]>;
  /** Did the database refuse what a record says (and will again), or did it fail (and may not next time)? */
  isRefusal(error: unknown): boolean;
}

/** One database that holds the books. The node that writes them is this one, unless another is named. */
export interface Books extends NodeBooks {
  /** For what comes from another node. */
  of(node: string): NodeBooks;
  /** Reads, in the state of the latest commit. */
  ask<T>(asking: Asking<T>): Promise<T>;
  /** Reads in one snapshot, yielding to whatever else there is to do; `signal` ends it with its reason. */
  survey<T>(asking: Asking<T>, signal: AbortSignal): Promise<T>;
  /** Is only somebody in the way, so that the connection is as good as before? */
  isBusy(error: unknown): boolean;
  close(): Promise<void>;
}
