import { readdirSync, renameSync, unlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { AttemptIntent, AttemptProgress } from '#core/contracts/journal.ts';
import { readSegment } from '../journal/read-segment.ts';
import { parseSegmentName, type SegmentName } from '../journal/segment-name.ts';
import { mapCrashReceipt, type CrashedAttempt } from './crash-receipt.ts';
import { SegmentIngester, isRefusal, isWorthKeeping, type LoadedSegment } from './ingest-segments.ts';
import { inTransaction, openDatabase } from './open-database.ts';

export interface LedgerPaths {
  readonly databasePath: string;
  readonly journalDirectory: string;
}

export interface RecoveryReport {
  readonly segments: number;
  /** Exchanges that were open when their worker died, and are settled now. */
  readonly crashed: number;
}

/** The file of a segment that is on the books. */
interface LeftOver {
  readonly path: string;
  readonly name: string;
  /** What the file is called further on, because somebody must look; null when it has served. */
  readonly suffix: 'damaged' | 'unreadable' | null;
}

const pruneEveryMs = 60_000;
const segmentsPerTransaction = 64;

/** The one who writes the books. Synchronous: it lives on a thread of its own. Every method may throw and be repeated. */
export class LedgerWriter {
  readonly database: DatabaseSync;
  readonly #directory: string;
  readonly #ingester: SegmentIngester;
  /** Ingested, file deleted, name still in the database. */
  #gone: string[] = [];
  #prunedAtMs = Date.now();

  constructor(paths: LedgerPaths) {
    this.database = openDatabase(paths.databasePath);
    this.#directory = paths.journalDirectory;
    this.#ingester = new SegmentIngester(this.database);
  }

  /** Ingests sealed segments in one transaction and deletes their files; those that are gone already are done. */
  ingest(paths: readonly string[]): void {
    const gone = this.#gone;
    let done: LeftOver[] = [];
    const run = (careful: boolean): void =>
      inTransaction(this.database, () => {
        this.#ingester.forget(gone);
        done = [];
        this.#ingester.ingest(this.#loadAll(paths, done), careful);
        this.#prune(Date.now());
      });
    try {
      run(false);
    } catch (error) {
      this.#ingester.forgetStanding();
      if (!isRefusal(error)) throw error;
      run(true);
    }
    this.#gone = [];
    for (const leftOver of done) this.#remove(leftOver);
  }

  /** Ingests whatever lies in the journal folder and settles what stays open. Only while nobody is writing there. */
  recover(): RecoveryReport {
    const segments = this.#ingestLeftOvers(() => true);
    inTransaction(this.database, () => {
      this.database.exec(
        'INSERT INTO dead_incarnations SELECT DISTINCT worker, incarnation FROM open_attempts WHERE 1 ON CONFLICT DO NOTHING',
      );
      const there = new Set(readdirSync(this.#directory));
      const names = this.database.prepare('SELECT name FROM segments').all();
      this.#ingester.forget(names.map((row) => String(row['name'])).filter((name) => !there.has(name)));
    });
    return { segments, crashed: this.#settleDead() };
  }

  /** Does the same for one worker that died while the process lives on. */
  adopt(worker: number, incarnation: string): RecoveryReport {
    const segments = this.#ingestLeftOvers(
      (name) => name.worker === worker && name.incarnation === incarnation,
    );
    this.database
      .prepare('INSERT INTO dead_incarnations VALUES (?, ?) ON CONFLICT DO NOTHING')
      .run(worker, incarnation);
    return { segments, crashed: this.#settleDead() };
  }

  close(): void {
    this.database.close();
  }

  #ingestLeftOvers(wanted: (name: SegmentName) => boolean): number {
    const names = readdirSync(this.#directory)
      .map((text) => ({ text, name: parseSegmentName(text) }))
      .filter(
        (entry): entry is { text: string; name: SegmentName } => entry.name !== null && wanted(entry.name),
      )
      .sort((a, b) => a.name.sequence - b.name.sequence);
    for (let at = 0; at < names.length; at += segmentsPerTransaction) {
      const batch = names.slice(at, at + segmentsPerTransaction);
      this.ingest(batch.map(({ text }) => join(this.#directory, text)));
    }
    return names.length;
  }

  /** One at a time: a segment's contents are garbage before the next is read. */
  *#loadAll(paths: readonly string[], done: LeftOver[]): Generator<LoadedSegment> {
    for (const path of paths) {
      const segment = this.#load(path, done);
      if (segment === null) continue;
      yield segment;
      done.push({ path, name: segment.name, suffix: isWorthKeeping(segment) ? 'damaged' : null });
    }
  }

  #load(path: string, done: LeftOver[]): LoadedSegment | null {
    const name = basename(path);
    try {
      return { name, sealed: parseSegmentName(name)?.sealed ?? false, contents: readSegment(path, true) };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return null;
      if (code !== 'EIO') throw error;
      // A sector that cannot be read must not hold up every segment behind it.
      done.push({ path, name, suffix: 'unreadable' });
      const incident = { kind: 'damage', subject: name, position: 0, reason: String(error), content: null };
      this.#ingester.noteIncident(incident);
      return null;
    }
  }

  #remove({ path, name, suffix }: LeftOver): void {
    if (suffix !== null) return renameSync(path, `${path}.${suffix}`);
    unlinkSync(path);
    this.#gone.push(name);
  }

  /** An attempt that is open although its exchange has a receipt is left as it is: `verify` reports it. */
  #settleDead(): number {
    const rows = this.database
      .prepare(
        `SELECT exchange, intent, progress FROM open_attempts JOIN dead_incarnations USING (worker, incarnation)
         WHERE NOT EXISTS (SELECT 1 FROM receipts WHERE id = exchange) ORDER BY exchange, attempt`,
      )
      .all();
    const exchanges = Map.groupBy(rows, (row) => row['exchange']);
    const settledAtMs = Date.now();
    inTransaction(this.database, () => {
      this.#ingester.poster.begin();
      for (const attempts of exchanges.values()) {
        const crashed = attempts.map(mapCrashed);
        // What was reserved stays booked: how much of it was used is not known, and a limit must not be passed.
        this.#ingester.settle(mapCrashReceipt(crashed, settledAtMs), crashed.at(-1)!.intent.reserved);
      }
      this.#ingester.poster.flush();
    });
    return exchanges.size;
  }

  #prune(nowMs: number): void {
    if (nowMs - this.#prunedAtMs < pruneEveryMs) return;
    this.#prunedAtMs = nowMs;
    this.database.prepare('DELETE FROM booked WHERE at_ms + window_ms < ?').run(nowMs);
  }
}

const mapCrashed = (row: Record<string, unknown>): CrashedAttempt => ({
  intent: JSON.parse(String(row['intent'])) as AttemptIntent,
  progress: row['progress'] === null ? null : (JSON.parse(String(row['progress'])) as AttemptProgress),
});
