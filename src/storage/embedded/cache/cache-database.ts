import { DatabaseSync } from 'node:sqlite';
import type { RawClaim, RawEntry, RawPart, RawWhole, RawWish } from '../../sealed-cache/raw-cache.ts';

/** The tables of answers, as one thread holds them. Everything throws SQLite's own errors. */
export interface CacheDatabase {
  claim(id: string, wish: RawWish & { readonly asker: number; readonly nowMs: number }): RawClaim;
  begin(id: string, holder: string): boolean;
  put(id: string, holder: string, part: RawPart): void;
  finish(id: string, holder: string, whole: RawWhole | null): void;
  release(id: string, holder: string, as: 'free' | 'lost'): void;
  get(id: string, holder: string): RawEntry | null;
  /** Ends the claims of a thread that is no more. */
  abandon(asker: number): void;
  /** Removes what has outlived its lifetime. */
  expire(nowMs: number): void;
  close(): void;
}

/** What all keys together may take. */
export interface CacheBounds {
  /** On the disk. Beyond it the answers whose lifetime ends first are kept no more; that they were given stays on record. */
  readonly bytes: number;
  /** Beyond it new keys are refused until others have outlived their lifetime. */
  readonly entries: number;
}

const usualBounds: CacheBounds = { bytes: 2 ** 30, entries: 1_000_000 };
const schemaVersion = 1;
/** Entries that are removed in one transaction. */
const expireAtOnce = 500;

/** `claimed`: nothing was done yet. `begun`: something may have been. Both end with their asker. */
type Stored = 'claimed' | 'begun' | 'lost' | 'passed' | 'kept';

interface Row {
  readonly holder: string;
  readonly mark: string;
  readonly state: Stored;
  readonly expires_at_ms: number;
}

/**
 * Opens `answers.db`. Its claims are of a process that is no more: what was begun is lost, the rest is free. A commit survives the
 * process, not the machine: as the journal by default.
 * @throws Error when a later version wrote it, and SQLite's own errors.
 */
export function openCacheDatabase(path: string, bounds: CacheBounds = usualBounds): CacheDatabase {
  const database = new DatabaseSync(path, { timeout: 5_000 });
  try {
    database.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA auto_vacuum = INCREMENTAL',
    );
    migrate(database);
    database.exec(
      `CREATE INDEX IF NOT EXISTS entries_kept ON entries (expires_at_ms) WHERE state = 'kept';
       DELETE FROM entries WHERE state = 'claimed';
       DELETE FROM parts WHERE holder IN (SELECT holder FROM entries WHERE state = 'begun');
       UPDATE entries SET state = 'lost', asker = NULL WHERE state = 'begun'`,
    );
  } catch (error) {
    database.close();
    throw error;
  }
  return new Tables(database, bounds);
}

class Tables implements CacheDatabase {
  readonly #database: DatabaseSync;
  readonly #statements: ReturnType<typeof prepare>;
  readonly #bounds: CacheBounds;
  readonly #pageBytes: number;
  #entries: number;

  constructor(database: DatabaseSync, bounds: CacheBounds) {
    this.#database = database;
    this.#statements = prepare(database);
    this.#bounds = bounds;
    this.#pageBytes = this.#pragma('page_size');
    this.#entries = Number(this.#statements.count.get()!['entries']);
  }

  claim(
    id: string,
    { holder, mark, lifetimeMs, asker, nowMs }: RawWish & { readonly asker: number; readonly nowMs: number },
  ): RawClaim {
    const { find, remove, insert } = this.#statements;
    if (this.#entries >= this.#bounds.entries) this.expire(nowMs);
    return this.#together(() => {
      const row = find.get(id) as unknown as Row | undefined;
      const isRunning = row?.state === 'claimed' || row?.state === 'begun';
      if (row && (isRunning || row.expires_at_ms > nowMs))
        return { state: isRunning ? 'running' : row.state, holder: row.holder, mark: row.mark } as RawClaim;
      if (row) this.#removed(remove.run(id).changes);
      if (this.#entries >= this.#bounds.entries)
        throw new Error(`there are ${this.#entries} keys, and no more may be: shorten their lifetime`);
      insert.run(id, holder, mark, asker, nowMs + lifetimeMs);
      this.#entries++;
      return { state: 'claimed', holder, mark };
    });
  }

  begin(id: string, holder: string): boolean {
    return this.#statements.begin.run(id, holder).changes === 1;
  }

  put(id: string, holder: string, { number, bytes }: RawPart): void {
    // Of a claim that is no more nothing is kept.
    this.#statements.put.run(number, bytes, id, holder);
  }

  finish(id: string, holder: string, whole: RawWhole | null): void {
    const { put, kept, passed, dropParts } = this.#statements;
    this.#together(() => {
      if (whole) {
        put.run(whole.last.number, whole.last.bytes, id, holder);
        kept.run(whole.about, id, holder);
        this.#makeRoom();
      } else if (passed.run(id, holder).changes === 1) dropParts.run(holder);
    });
  }

  release(id: string, holder: string, as: 'free' | 'lost'): void {
    const { free, lost, dropParts } = this.#statements;
    this.#together(() => {
      if (as === 'free') this.#removed(free.run(id, holder).changes);
      else if (lost.run(id, holder).changes === 1) dropParts.run(holder);
    });
  }

  get(id: string, holder: string): RawEntry | null {
    const { about, parts } = this.#statements;
    const row = about.get(id, holder) as unknown as { about: Uint8Array } | undefined;
    if (!row) return null;
    const found = parts.all(holder) as unknown as { bytes: Uint8Array }[];
    return { about: row.about, parts: found.map(({ bytes }) => bytes) };
  }

  abandon(asker: number): void {
    const { freeOf, dropPartsOf, lostOf } = this.#statements;
    this.#together(() => {
      this.#removed(freeOf.run(asker).changes);
      dropPartsOf.run(asker);
      lostOf.run(asker);
    });
  }

  expire(nowMs: number): void {
    while (this.#removed(this.#statements.expire.run(nowMs).changes) === expireAtOnce);
    this.#database.exec('PRAGMA incremental_vacuum(1000)');
  }

  close(): void {
    this.#database.close();
  }

  #removed(changes: number | bigint): number {
    this.#entries -= Number(changes);
    return Number(changes);
  }

  #makeRoom(): void {
    const { evict, dropParts } = this.#statements;
    const bytesUsed = () => (this.#pragma('page_count') - this.#pragma('freelist_count')) * this.#pageBytes;
    while (bytesUsed() > this.#bounds.bytes) {
      const first = evict.get();
      if (!first) return;
      dropParts.run(first['holder']!);
    }
  }

  #pragma(name: string): number {
    return Number(this.#database.prepare(`PRAGMA ${name}`).get()![name]);
  }

  #together<T>(work: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const done = work();
      this.#database.exec('COMMIT');
      return done;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }
}

function prepare(database: DatabaseSync) {
  const held = `id = ? AND holder = ? AND state IN ('claimed', 'begun')`;
  const ofAsker = `SELECT holder FROM entries WHERE asker = ? AND state = 'begun'`;
  return {
    find: database.prepare('SELECT holder, mark, state, expires_at_ms FROM entries WHERE id = ?'),
    remove: database.prepare('DELETE FROM entries WHERE id = ?'),
    insert: database.prepare(
      `INSERT INTO entries (id, holder, mark, state, asker, expires_at_ms) VALUES (?, ?, ?, 'claimed', ?, ?)`,
    ),
    begin: database.prepare(`UPDATE entries SET state = 'begun' WHERE ${held}`),
    put: database.prepare(
      `INSERT INTO parts (holder, number, bytes) SELECT holder, ?, ? FROM entries WHERE ${held} ON CONFLICT DO NOTHING`,
    ),
    kept: database.prepare(`UPDATE entries SET state = 'kept', about = ?, asker = NULL WHERE ${held}`),
    passed: database.prepare(`UPDATE entries SET state = 'passed', asker = NULL WHERE ${held}`),
    lost: database.prepare(`UPDATE entries SET state = 'lost', asker = NULL WHERE ${held}`),
    free: database.prepare(`DELETE FROM entries WHERE ${held}`),
    dropParts: database.prepare('DELETE FROM parts WHERE holder = ?'),
    about: database.prepare(`SELECT about FROM entries WHERE id = ? AND holder = ? AND state = 'kept'`),
    parts: database.prepare('SELECT bytes FROM parts WHERE holder = ? ORDER BY number'),
    freeOf: database.prepare(`DELETE FROM entries WHERE asker = ? AND state = 'claimed'`),
    dropPartsOf: database.prepare(`DELETE FROM parts WHERE holder IN (${ofAsker})`),
    lostOf: database.prepare(
      `UPDATE entries SET state = 'lost', asker = NULL WHERE asker = ? AND state = 'begun'`,
    ),
    count: database.prepare('SELECT count(*) AS entries FROM entries'),
    evict: database.prepare(
      `UPDATE entries SET state = 'passed', about = NULL WHERE id = (SELECT id FROM entries
         WHERE state = 'kept' ORDER BY expires_at_ms LIMIT 1) RETURNING holder`,
    ),
    expire: database.prepare(
      `DELETE FROM entries WHERE id IN (SELECT id FROM entries
         WHERE expires_at_ms <= ? AND asker IS NULL LIMIT ${expireAtOnce})`,
    ),
  };
}

function migrate(database: DatabaseSync): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
  if (version > schemaVersion)
    throw new Error(`answers.db has schema version ${version}, this build knows ${schemaVersion}`);
  if (version === schemaVersion) return;
  database.exec(`
    BEGIN IMMEDIATE;
    -- One row for each name. Names, marks and values are of keys that this file does not have.
    CREATE TABLE entries (
      id TEXT PRIMARY KEY,
      holder TEXT NOT NULL UNIQUE,
      mark TEXT NOT NULL,
      state TEXT NOT NULL,                -- claimed, begun, lost, passed, kept
      asker INTEGER,                      -- the port of a running claim's thread
      expires_at_ms INTEGER NOT NULL,
      about BLOB
    ) STRICT;
    CREATE INDEX entries_until ON entries (expires_at_ms);
    CREATE INDEX entries_of ON entries (asker) WHERE asker IS NOT NULL;
    CREATE TABLE parts (
      holder TEXT NOT NULL REFERENCES entries (holder) ON DELETE CASCADE,
      number INTEGER NOT NULL,
      bytes BLOB NOT NULL,
      PRIMARY KEY (holder, number)
    ) STRICT;
    PRAGMA user_version = ${schemaVersion};
    COMMIT`);
}
