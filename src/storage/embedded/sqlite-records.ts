import { DatabaseSync } from 'node:sqlite';
import type { SqlDatabase, SqlRow } from '../records/sql-database.ts';

/** Records in a file of the state directory. For the main thread: they are few. */
export function openSqliteRecords(path: string): SqlDatabase {
  const database = new DatabaseSync(path, { timeout: 5_000 });
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  const format = () => Number(database.prepare('PRAGMA user_version').get()!['user_version']);
  return {
    kind: 'sqlite',
    // A statement that throws rejects, as one of a server does.
    async query(statement, values = []) {
      return database.prepare(statement.replaceAll('$', '?')).all(...values) as SqlRow[];
    },
    async migrate(steps) {
      if (format() === steps.length) return;
      database.exec('BEGIN IMMEDIATE');
      try {
        if (format() > steps.length)
          throw new Error(`${path} has format ${format()}; this version reads format ${steps.length}.`);
        for (const step of steps.slice(format())) database.exec(step);
        database.exec(`PRAGMA user_version = ${steps.length}; COMMIT`);
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK');
        throw error;
      }
    },
    async close() {
      if (database.isOpen) database.close();
    },
  };
}
