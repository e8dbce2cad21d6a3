import { DatabaseSync } from 'node:sqlite';
import { migrations } from './migrations.ts';

/**
 * Opens the ledger for writing, creating and migrating it where needed.
 * @throws Error when it was written by a later version, and SQLite's own errors.
 */
export function openDatabase(path: string): DatabaseSync {
  // No table refers to another: everything a receipt moves hangs on the insertion of its id.
  const database = new DatabaseSync(path, { timeout: 1_000, enableForeignKeyConstraints: false });
  try {
    // Rows are a kilobyte or two and are appended: large pages write less. Only a new file takes this on.
    database.exec(`PRAGMA page_size = 16384`);
    // A segment's file is deleted on the strength of a commit, so a commit must be on the disk when it returns.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    // 32 MB of log between checkpoints: pages that every batch touches are copied that much less often.
    database.exec('PRAGMA wal_autocheckpoint = 2000; PRAGMA cache_size = -8000');
    migrate(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Opens a ledger for reading, also beside a gateway that is writing to it. @throws Error when it is not there. */
export function openForReading(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
  try {
    const version = versionOf(database);
    if (version !== migrations.length) {
      throw new Error(`the ledger has schema version ${version}, this build reads ${migrations.length}`);
    }
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Steps that this build knows: the version of its tables. */
export const ledgerSteps = migrations.length;

/** Of a file that is there; 0: it has no ledger. */
export function ledgerVersion(path: string): number {
  const database = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
  try {
    return database.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'schema_version'`).get()
      ? versionOf(database)
      : 0;
  } finally {
    database.close();
  }
}

/**
 * Brings the ledger of a file to this build's version, or from it to the version before. No gateway may run on it.
 * @throws Error when there is no way back, or a later version wrote it.
 */
export function migrateFile(path: string, isBack: boolean): void {
  const database = openDatabase(path);
  try {
    if (!isBack) return;
    const { back } = migrations.at(-1)!;
    if (!back) throw new Error(`there is no way back from schema version ${migrations.length} of the ledger`);
    step(database, () => {
      back(database);
      database.prepare('DELETE FROM schema_version WHERE version = ?').run(migrations.length);
    });
  } finally {
    database.close();
  }
}

function migrate(database: DatabaseSync): void {
  database.exec(
    'CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied_at_ms INTEGER NOT NULL)',
  );
  const from = versionOf(database);
  if (from > migrations.length) {
    throw new Error(`the ledger has schema version ${from}, this build knows ${migrations.length}`);
  }
  for (let version = from; version < migrations.length; version += 1) {
    const { forward } = migrations[version]!;
    step(database, () => {
      if (typeof forward === 'string') database.exec(forward);
      else forward(database);
      database.prepare('INSERT INTO schema_version VALUES (?, ?)').run(version + 1, Date.now());
    });
  }
}

/** In one transaction. */
function step(database: DatabaseSync, work: () => void): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    work();
    database.exec('COMMIT');
  } catch (error) {
    // After some errors (a full disk) SQLite has rolled back by itself.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function versionOf(database: DatabaseSync): number {
  const row = database.prepare('SELECT MAX(version) AS version FROM schema_version').get();
  return Number(row?.['version'] ?? 0);
}
