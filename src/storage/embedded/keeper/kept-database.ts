import { DatabaseSync } from 'node:sqlite';
import type { DueObligations, KeptPage, KeptThing, Obligation } from '#core/contracts/keeper.ts';
import { atOnce, type KeptStore, type Named } from './kept-store.ts';

/** The table of kept things, as one thread holds it. Everything throws SQLite's own errors. */
export interface KeptDatabase extends KeptStore {
  note(things: readonly KeptThing[]): void;
  find(owner: string, ids: readonly string[]): KeptThing[];
  describe(thing: Named, document: string): void;
  list(page: KeptPage): KeptThing[];
  forget(thing: Named): void;
  owe(obligation: Obligation, dueAtMs: number): void;
  due(nowMs: number, leaseMs: number, thing: string | null): DueObligations;
  settled(receipt: string): void;
  postpone(receipt: string, dueAtMs: number): void;
  /** Removes what no provider keeps any more. */
  expire(nowMs: number): void;
  close(): void;
}

const schemaVersion = 2;
const columns =
  'id, kind, provider, owner, exchange, created_at_ms AS createdAtMs, expires_at_ms AS expiresAtMs, document, made_by AS madeBy';

/**
 * Opens `kept.db`. A commit survives the process, not the machine: as the journal by default. What a lost record costs is
 * that its owner is told 404.
 * @throws Error when a later version wrote it, and SQLite's own errors.
 */
export function openKeptDatabase(path: string): KeptDatabase {
  const database = new DatabaseSync(path, { timeout: 5_000 });
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    migrate(database);
  } catch (error) {
    database.close();
    throw error;
  }
  const insert = database.prepare(
    `INSERT INTO kept (id, kind, provider, owner, exchange, created_at_ms, expires_at_ms, document, made_by)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id, provider) DO NOTHING`,
  );
  const describe = database.prepare(
    'UPDATE kept SET document = ? WHERE id = ? AND provider = ? AND owner = ? AND document IS NOT NULL',
  );
  const select = database.prepare(
    `SELECT ${columns} FROM kept WHERE id = ? AND owner = ? ORDER BY sequence DESC`,
  );
  const remove = database.prepare('DELETE FROM kept WHERE id = ? AND provider = ? AND owner = ?');
  const expire = database.prepare('DELETE FROM kept WHERE expires_at_ms < ?');
  const place = database.prepare('SELECT sequence FROM kept WHERE id = ? AND owner = ? AND kind = ?');
  const newest = database.prepare(
    `SELECT ${columns} FROM kept WHERE owner = ? AND kind = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?`,
  );
  const oldest = database.prepare(
    `SELECT ${columns} FROM kept WHERE owner = ? AND kind = ? AND sequence > ? ORDER BY sequence LIMIT ?`,
  );
  const owe = database.prepare(
    'INSERT INTO owed (receipt, thing, due_at_ms, tries, obligation) VALUES (?, ?, ?, 0, ?)',
  );
  const due = database.prepare(
    `UPDATE owed SET due_at_ms = ?1 + ?2, tries = tries + 1 WHERE receipt IN
       (SELECT receipt FROM owed WHERE (?3 IS NULL AND due_at_ms <= ?1) OR thing = ?3 ORDER BY due_at_ms LIMIT ${atOnce})
     RETURNING obligation, tries - 1 AS tries`,
  );
  const open = database.prepare('SELECT COUNT(*) AS open FROM owed');
  const settled = database.prepare('DELETE FROM owed WHERE receipt = ?');
  const postpone = database.prepare('UPDATE owed SET due_at_ms = ? WHERE receipt = ?');
  return {
    owe({ receipt, thing, ...rest }, dueAtMs) {
      owe.run(receipt, thing, dueAtMs, JSON.stringify({ receipt, thing, ...rest }));
    },
    due(nowMs, leaseMs, thing) {
      const rows = due.all(nowMs, leaseMs, thing) as { obligation: string; tries: number }[];
      return {
        due: rows.map((row) => ({ obligation: JSON.parse(row.obligation) as Obligation, tries: row.tries })),
        open: Number(open.get()!['open']),
      };
    },
    settled(receipt) {
      settled.run(receipt);
    },
    postpone(receipt, dueAtMs) {
      postpone.run(dueAtMs, receipt);
    },
    note(things) {
      database.exec('BEGIN IMMEDIATE');
      try {
        for (const { id, kind, provider, owner, exchange, createdAtMs, expiresAtMs, ...more } of things)
          insert.run(
            ...[id, kind, provider, owner, exchange, createdAtMs, expiresAtMs],
            ...[more.document, more.madeBy],
          );
        database.exec('COMMIT');
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK');
        throw error;
      }
    },
    find: (owner, ids) => ids.flatMap((id) => select.all(id, owner) as unknown as KeptThing[]),
    describe({ id, provider, owner }, document) {
      describe.run(document, id, provider, owner);
    },
    list({ owner, kind, after, order, limit }) {
      const row = after === null ? undefined : place.get(after, owner, kind);
      // After something that is not the owner's there is nothing.
      if (after !== null && !row) return [];
      const from = row?.['sequence'] as number | undefined;
      const found =
        order === 'desc'
          ? newest.all(owner, kind, from ?? Number.MAX_SAFE_INTEGER, limit)
          : oldest.all(owner, kind, from ?? 0, limit);
      return found as unknown as KeptThing[];
    },
    forget({ id, provider, owner }) {
      remove.run(id, provider, owner);
    },
    expire(nowMs) {
      expire.run(nowMs);
    },
    close: () => database.close(),
  };
}

function migrate(database: DatabaseSync): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
  if (version > schemaVersion)
    throw new Error(`kept.db has schema version ${version}, this build knows ${schemaVersion}`);
  if (version < 1) database.exec(tables);
  if (version < schemaVersion)
    database.exec(`
      BEGIN IMMEDIATE;
      ALTER TABLE kept ADD COLUMN made_by TEXT;
      PRAGMA user_version = ${schemaVersion};
      COMMIT`);
}

const tables = `
    BEGIN IMMEDIATE;
    CREATE TABLE kept (
      sequence INTEGER PRIMARY KEY,
      id TEXT NOT NULL,
      kind TEXT NOT NULL,
      provider TEXT NOT NULL,
      owner TEXT NOT NULL,
      exchange TEXT NOT NULL,
      created_at_ms INTEGER NOT NULL,
      expires_at_ms INTEGER,
      document TEXT,
      UNIQUE (id, provider)
    ) STRICT;
    CREATE TABLE owed (
      receipt TEXT PRIMARY KEY,
      thing TEXT NOT NULL,
      due_at_ms INTEGER NOT NULL,
      tries INTEGER NOT NULL,
      obligation TEXT NOT NULL
    ) STRICT;
    CREATE INDEX owed_when ON owed (due_at_ms);
    CREATE INDEX owed_for ON owed (thing);
    CREATE INDEX kept_by_owner ON kept (owner, kind, sequence);
    CREATE INDEX kept_until ON kept (expires_at_ms) WHERE expires_at_ms IS NOT NULL;
    PRAGMA user_version = 1;
    COMMIT`;
