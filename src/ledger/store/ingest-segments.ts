import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { AttemptIntent, AttemptProgress, ReservedAmount } from '#core/contracts/journal.ts';
import type { Receipt } from '#core/receipt.ts';
import { renderReceipt } from '../journal/record.ts';
import type { SegmentContents } from '../journal/read-segment.ts';
import { ReceiptPoster } from './post-receipt.ts';

export interface LoadedSegment {
  readonly path: string;
  /** File name without its folder. */
  readonly name: string;
  readonly sealed: boolean;
  readonly contents: SegmentContents;
}

interface OpenAttempt {
  readonly worker: number;
  readonly incarnation: string;
  readonly intent: AttemptIntent;
  progress: AttemptProgress | null;
}

/**
 * Moves segments into the database, inside the caller's transaction. In whatever order and however often they come,
 * the books end up the same.
 */
export class SegmentIngester {
  readonly poster: ReceiptPoster;
  readonly #database: DatabaseSync;
  readonly #addSegment: StatementSync;
  readonly #forgetSegment: StatementSync;
  readonly #open: StatementSync;
  readonly #progress: StatementSync;
  readonly #incident: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.poster = new ReceiptPoster(database);
    this.#addSegment = database.prepare('INSERT INTO segments VALUES (?, ?, ?) ON CONFLICT DO NOTHING');
    this.#forgetSegment = database.prepare('DELETE FROM segments WHERE name = ?');
    this.#open = database.prepare(
      `INSERT INTO open_attempts SELECT ?1, ?2, ?3, ?4, ?5, ?6
       WHERE NOT EXISTS (SELECT 1 FROM attempts WHERE receipt_id = ?1 AND number = ?2) ON CONFLICT DO NOTHING`,
    );
    this.#progress = database.prepare(
      `UPDATE open_attempts SET progress = ?3
       WHERE exchange = ?1 AND attempt = ?2 AND COALESCE(progress ->> 'atMs', 0) <= ?4`,
    );
    this.#incident = database.prepare(
      'INSERT INTO incidents (kind, subject, position, reason, content) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    );
  }

  /**
   * `careful` gives each receipt a savepoint, so that one that the database refuses for what it says is set aside
   * instead of holding up all others; it costs more, so it is the second try.
   */
  ingest(segments: readonly LoadedSegment[], careful: boolean): void {
    const opened = new Map<string, Map<number, OpenAttempt>>();
    for (const segment of segments) {
      const { trustedBytes } = segment.contents;
      if (this.#addSegment.run(segment.name, trustedBytes, Date.now()).changes === 0) continue;
      this.#noteIncidents(segment);
      this.#ingestRecords(segment, { opened, careful });
    }
    for (const [exchange, attempts] of opened) {
      for (const [number, open] of attempts) {
        const progress = open.progress ? JSON.stringify(open.progress) : null;
        const intent = JSON.stringify(open.intent);
        this.#open.run(exchange, number, open.worker, open.incarnation, intent, progress);
      }
    }
  }

  /** The files of these segments are gone: nothing can bring them again. */
  forget(names: readonly string[]): void {
    for (const name of names) this.#forgetSegment.run(name);
  }

  noteIncident(incident: {
    kind: string;
    subject: string;
    position: number;
    reason: string;
    content: string | null;
  }): void {
    const { kind, subject, position, reason, content } = incident;
    this.#incident.run(kind, subject, position, reason, content);
  }

  #ingestRecords(
    segment: LoadedSegment,
    batch: { opened: Map<string, Map<number, OpenAttempt>>; careful: boolean },
  ): void {
    const { opened, careful } = batch;
    const { records, identity } = segment.contents;
    for (const record of records) {
      if (record.type === 'intent') {
        const { exchange, attempt } = record.intent;
        const { worker, incarnation } = identity!;
        let attempts = opened.get(exchange);
        if (!attempts) opened.set(exchange, (attempts = new Map()));
        attempts.set(attempt, { worker, incarnation, intent: record.intent, progress: null });
      } else if (record.type === 'progress') {
        this.#advance(record.progress, opened);
      } else if (this.#post(record.receipt, record.booked, careful)) {
        // Most exchanges end in the batch they began in: their open attempts never touch the database.
        const attempts = opened.get(record.receipt.id);
        for (const { number } of record.receipt.attempts) attempts?.delete(number);
      }
    }
  }

  #advance(progress: AttemptProgress, opened: Map<string, Map<number, OpenAttempt>>): void {
    const open = opened.get(progress.exchange)?.get(progress.attempt);
    if (open) open.progress = progress;
    else this.#progress.run(progress.exchange, progress.attempt, JSON.stringify(progress), progress.atMs);
  }

  #post(receipt: Receipt, booked: readonly ReservedAmount[], careful: boolean): boolean {
    if (!careful) {
      this.poster.post(receipt, booked);
      return true;
    }
    this.#database.exec('SAVEPOINT receipt');
    try {
      this.poster.post(receipt, booked);
      this.#database.exec('RELEASE receipt');
      return true;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#database.exec('ROLLBACK TO receipt; RELEASE receipt');
      const content = renderReceipt(receipt);
      this.noteIncident({
        kind: 'refused',
        subject: String(receipt.id),
        position: 0,
        reason: String(error),
        content,
      });
      return false;
    }
  }

  #noteIncidents(segment: LoadedSegment): void {
    const { damage, rejected } = segment.contents;
    if (damage && isWorthKeeping(segment)) {
      const { offset, kind, reason } = damage;
      const told = `${kind}: ${reason}`;
      this.noteIncident({
        kind: 'damage',
        subject: segment.name,
        position: offset,
        reason: told,
        content: null,
      });
    }
    for (const { offset, reason, payload } of rejected) {
      this.noteIncident({ kind: 'frame', subject: segment.name, position: offset, reason, content: payload });
    }
  }
}

/** A writer that dies leaves a torn end, and that is no loss: nobody was told that it was written. Else it is. */
export function isWorthKeeping(segment: LoadedSegment): boolean {
  const { damage } = segment.contents;
  return damage !== null && (segment.sealed || damage.kind !== 'torn');
}

/** Did the database refuse what a record says (and will again), or did it fail (and may not next time)? */
export function isRefusal(error: unknown): boolean {
  const code = (error as { errcode?: number }).errcode;
  if (code === undefined) return error instanceof TypeError || error instanceof RangeError;
  // SQLITE_TOOBIG, SQLITE_CONSTRAINT, SQLITE_MISMATCH, SQLITE_RANGE: https://www.sqlite.org/rescode.html
  return [18, 19, 20, 25].includes(code & 0xff);
}
