import { DatabaseSync } from 'node:sqlite';
import type { KeyRecord } from '#core/key.ts';

export interface StoredKey extends KeyRecord {
  readonly revoked: boolean;
  /** The secret before this one, which is in force until then; null: there is none. */
  readonly previous: { readonly sha256: string; readonly expiresAtMs: number } | null;
}

export interface KeyDatabase {
  keys(): StoredKey[];
  insert(key: StoredKey): void;
  /** In place of what there is of the same id. */
  update(key: StoredKey): void;
  revoke(id: string, atMs: number): void;
  setting(name: string): string | null;
  setSetting(name: string, value: string): void;
  /** Harmless when it is called twice. */
  close(): void;
}

const format = 1;

const tables = `
  CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL,
    team TEXT NOT NULL,
    expires_at_ms INTEGER,
    models TEXT,
    created_at_ms INTEGER NOT NULL,
    revoked_at_ms INTEGER
  ) STRICT;
  CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  PRAGMA user_version = ${format};
`;

/** Beside the keys, so that a version which does not know it can work with the rest. */
const moreTables = `
  CREATE TABLE IF NOT EXISTS key_details (
    id TEXT PRIMARY KEY REFERENCES keys (id),
    groups TEXT NOT NULL,
    previous_sha256 TEXT,
    previous_until_ms INTEGER
  ) STRICT;
`;

interface Row {
  readonly id: string;
  readonly name: string;
  readonly sha256: string;
  readonly project: string;
  readonly team: string;
  readonly expires_at_ms: number | null;
  readonly models: string | null;
  readonly created_at_ms: number;
  readonly revoked_at_ms: number | null;
  /** Null: nothing was ever said of it. */
  readonly groups: string | null;
  readonly previous_sha256: string | null;
  readonly previous_until_ms: number | null;
}

/**
 * Keys made at run time, and the few settings of the control plane. Revoked keys stay, so that receipts keep their names
 * and a revoked secret stays refused.
 * @throws Error when the file has the format of a newer version.
 */
export function openKeyDatabase(path: string): KeyDatabase {
  const database = new DatabaseSync(path);
  // A key that was given out, and a revocation that was acknowledged, must survive the machine, not just the process.
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  const { user_version: found } = database.prepare('PRAGMA user_version').get() as { user_version: number };
  if (found === 0) database.exec(`BEGIN; ${tables} COMMIT`);
  else if (found !== format) {
    database.close();
    throw new Error(`${path} has format ${found}; this version reads format ${format}.`);
  }
  database.exec(moreTables);
  const all = database.prepare(
    `SELECT keys.*, groups, previous_sha256, previous_until_ms FROM keys LEFT JOIN key_details USING (id)
     ORDER BY created_at_ms, keys.rowid`,
  );
  const insert = database.prepare('INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)');
  const update = database.prepare(
    'UPDATE keys SET name = ?, sha256 = ?, project = ?, team = ?, expires_at_ms = ?, models = ? WHERE id = ?',
  );
  const detail = database.prepare('INSERT OR REPLACE INTO key_details VALUES (?, ?, ?, ?)');
  const describe = ({ id, groups, previous }: StoredKey) =>
    detail.run(id, JSON.stringify(groups), previous?.sha256 ?? null, previous?.expiresAtMs ?? null);
  const whole = (change: () => void) => {
    database.exec('BEGIN IMMEDIATE');
    try {
      change();
      database.exec('COMMIT');
    } catch (error) {
      database.exec('ROLLBACK');
      throw error;
    }
  };
  const revoke = database.prepare('UPDATE keys SET revoked_at_ms = ? WHERE id = ?');
  const setting = database.prepare('SELECT value FROM settings WHERE name = ?');
  const setSetting = database.prepare('INSERT OR REPLACE INTO settings VALUES (?, ?)');
  return {
    keys: () => (all.all() as unknown as Row[]).map(mapRow),
    insert(key) {
      const { id, name, sha256, project, team, expiresAtMs, models, createdAtMs } = key;
      const list = models && JSON.stringify(models);
      whole(() => {
        insert.run(id, name, sha256, project, team, expiresAtMs, list, createdAtMs);
        describe(key);
      });
    },
    update(key) {
      const { id, name, sha256, project, team, expiresAtMs, models } = key;
      whole(() => {
        update.run(name, sha256, project, team, expiresAtMs, models && JSON.stringify(models), id);
        describe(key);
      });
    },
    revoke: (id, atMs) => void revoke.run(atMs, id),
    setting: (name) => (setting.get(name) as { value: string } | undefined)?.value ?? null,
    setSetting: (name, value) => void setSetting.run(name, value),
    close() {
      if (database.isOpen) database.close();
    },
  };
}

function mapRow(row: Row): StoredKey {
  return {
    id: row.id,
    name: row.name,
    sha256: row.sha256,
    project: row.project,
    team: row.team,
    groups: row.groups === null ? [] : (JSON.parse(row.groups) as string[]),
    expiresAtMs: row.expires_at_ms,
    models: row.models === null ? null : (JSON.parse(row.models) as string[]),
    createdAtMs: row.created_at_ms,
    master: 'store',
    revoked: row.revoked_at_ms !== null,
    previous:
      row.previous_sha256 === null || row.previous_until_ms === null
        ? null
        : { sha256: row.previous_sha256, expiresAtMs: row.previous_until_ms },
  };
}
