import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { AttemptProgress, ReservedAmount } from '#core/contracts/journal.ts';
import type { Receipt } from '#core/receipt.ts';
import { frameType, type Frame } from '../journal/frame.ts';
import { parsePayload, type SegmentContents } from '../journal/read-segment.ts';
import { peekIntent, renderReceipt, type JournalRecord } from '../journal/record.ts';
import { ReceiptPoster } from './post-receipt.ts';

export interface LoadedSegment {
  /** File name without its folder. */
  readonly name: string;
  readonly sealed: boolean;
  readonly contents: SegmentContents;
}

type Incident = Readonly<Record<'kind' | 'subject' | 'reason', string>> & {
  readonly position: number;
  readonly content: string | null;
};

type ReceiptRecord = Extract<JournalRecord, { type: 'receipt' }>;

interface OpenAttempt {
  readonly worker: number;
  readonly incarnation: string;
  /** As it was written. */
  readonly intent: string;
  readonly frame: { readonly segment: string; readonly offset: number };
  progress: AttemptProgress | null;
}

interface Batch {
  /** Begun in this batch and not settled in it. */
  readonly opened: Map<string, Map<number, OpenAttempt>>;
  readonly standing: Set<string>;
  readonly careful: boolean;
}

const nameOf = (exchange: string, attempt: number): string => `${exchange}/${attempt}`;

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
  readonly #settled: StatementSync;
  readonly #incident: StatementSync;
  /** What stands in `open_attempts`, so that a receipt without one costs no statement; null when it must be read anew. */
  #standing: Set<string> | null = null;

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
    this.#settled = database.prepare('DELETE FROM open_attempts WHERE exchange = ? AND attempt = ?');
    this.#incident = database.prepare(
      'INSERT INTO incidents (kind, subject, position, reason, content) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    );
  }

  /**
   * `careful` gives each receipt a savepoint, so that one that the database refuses for what it says is set aside
   * instead of holding up all others; it costs more, so it is the second try. Segments are read as they are needed.
   */
  ingest(segments: Iterable<LoadedSegment>, careful: boolean): void {
    const standing = this.#standing ?? this.#readStanding();
    this.#standing = null;
    const batch: Batch = { opened: new Map(), standing, careful };
    this.poster.begin();
    for (const segment of segments) {
      const { trustedBytes } = segment.contents;
      if (this.#addSegment.run(segment.name, trustedBytes, Date.now()).changes === 0) continue;
      this.#noteDamage(segment);
      for (const frame of segment.contents.frames) this.#ingestFrame(segment, frame, batch);
    }
    this.poster.flush();
    for (const [exchange, attempts] of batch.opened) {
      for (const [number, open] of attempts) this.#standOpen(exchange, number, open, standing);
    }
    this.#standing = standing;
  }

  /** The transaction was rolled back. */
  forgetStanding(): void {
    this.#standing = null;
  }

  /** Posts a receipt that was in no segment, between the `begin` and the `flush` of the poster. */
  settle(receipt: Receipt, booked: readonly ReservedAmount[]): void {
    this.#standing = null;
    this.poster.post(receipt, renderReceipt(receipt), booked);
    for (const { number } of receipt.attempts) this.#settled.run(receipt.id, number);
  }

  /** The files of these segments are gone: nothing can bring them again. */
  forget(names: readonly string[]): void {
    for (const name of names) this.#forgetSegment.run(name);
  }

  noteIncident({ kind, subject, position, reason, content }: Incident): void {
    this.#incident.run(kind, subject, position, reason, content);
  }

  #ingestFrame(segment: LoadedSegment, frame: Frame, batch: Batch): void {
    const payload = segment.contents.payload(frame);
    if (frame.type === frameType.intent) return this.#begin(segment, { frame, payload }, batch);
    const record = parsePayload(frame.type, payload);
    if ('reason' in record) return this.#noteFrame(segment.name, frame.offset, record.reason, payload);
    if (record.type === 'progress') this.#advance(record.progress, batch.opened);
    else if (record.type === 'receipt' && this.#post(record, batch.careful))
      this.#close(record.receipt, batch);
  }

  #begin(segment: LoadedSegment, { frame, payload }: { frame: Frame; payload: string }, batch: Batch): void {
    let peeked: { exchange: string; attempt: number };
    try {
      peeked = peekIntent(payload);
    } catch (error) {
      return this.#noteFrame(segment.name, frame.offset, String(error), payload);
    }
    const { worker, incarnation } = segment.contents.identity!;
    const where = { segment: segment.name, offset: frame.offset };
    const attempts = batch.opened.get(peeked.exchange) ?? new Map<number, OpenAttempt>();
    attempts.set(peeked.attempt, { worker, incarnation, intent: payload, frame: where, progress: null });
    batch.opened.set(peeked.exchange, attempts);
  }

  /** Most exchanges end in the batch they began in: their open attempts never touch the database. */
  #close({ id, attempts }: Receipt, { opened, standing }: Batch): void {
    const begun = opened.get(id);
    for (const { number } of attempts) {
      begun?.delete(number);
      if (standing.size > 0 && standing.delete(nameOf(id, number))) this.#settled.run(id, number);
    }
    if (begun?.size === 0) opened.delete(id);
  }

  #standOpen(exchange: string, number: number, open: OpenAttempt, standing: Set<string>): void {
    const { worker, incarnation, intent, frame } = open;
    const record = parsePayload(frameType.intent, intent);
    if ('reason' in record) return this.#noteFrame(frame.segment, frame.offset, record.reason, intent);
    const progress = open.progress ? JSON.stringify(open.progress) : null;
    this.#open.run(exchange, number, worker, incarnation, intent, progress);
    standing.add(nameOf(exchange, number));
  }

  #advance(progress: AttemptProgress, opened: Batch['opened']): void {
    const open = opened.get(progress.exchange)?.get(progress.attempt);
    if (open) open.progress = progress;
    else this.#progress.run(progress.exchange, progress.attempt, JSON.stringify(progress), progress.atMs);
  }

  #post(record: ReceiptRecord, careful: boolean): boolean {
    const { receipt, body, booked } = record;
    if (!careful) {
      this.poster.post(receipt, body, booked);
      return true;
    }
    this.#database.exec('SAVEPOINT receipt');
    try {
      this.poster.post(receipt, body, booked);
      this.poster.flush();
      this.#database.exec('RELEASE receipt');
      return true;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.poster.discard();
      this.#database.exec('ROLLBACK TO receipt; RELEASE receipt');
      const subject = String(receipt.id);
      this.noteIncident({ kind: 'refused', subject, position: 0, reason: String(error), content: body });
      return false;
    }
  }

  #readStanding(): Set<string> {
    const rows = this.#database.prepare('SELECT exchange, attempt FROM open_attempts').all();
    return new Set(rows.map((row) => nameOf(String(row['exchange']), Number(row['attempt']))));
  }

  #noteDamage(segment: LoadedSegment): void {
    const { damage } = segment.contents;
    if (!damage || !isWorthKeeping(segment)) return;
    const reason = `${damage.kind}: ${damage.reason}`;
    const { name: subject } = segment;
    this.noteIncident({ kind: 'damage', subject, position: damage.offset, reason, content: null });
  }

  #noteFrame(subject: string, position: number, reason: string, content: string): void {
    this.noteIncident({ kind: 'frame', subject, position, reason, content });
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
