import { DatabaseSync } from 'node:sqlite';
import type { SqlDatabase, SqlRow } from '../records/sql-database.ts';

/** Records in a file of the state directory. For the main thread: they are few. */
export function openSqliteRecords(path: string): SqlDatabase {
  const database = new DatabaseSync(path, { timeout: 5_000 });
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  return {
    kind: 'sqlite',
    // A statement that throws rejects, as one of a server does.
    async query(statement, values = []) {
      const prepared = database.prepare(statement.replaceAll('$', '?'));
      return prepared.all(...values) as SqlRow[];
    },
    async setUp(statements) {
      database.exec(`BEGIN IMMEDIATE; ${statements}; COMMIT`);
    },
    async close() {
      if (database.isOpen) database.close();
    },
  };
}
