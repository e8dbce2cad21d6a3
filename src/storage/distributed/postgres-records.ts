import { Pool } from 'pg';
import type { PostgresSettings } from '#core/storage-settings.ts';
import type { SqlDatabase, SqlRow } from '../records/sql-database.ts';
import { postgresClient, postgresFailure } from './connect-postgres.ts';

/** Connections for records: they are few and small, and the ledger has its own. */
const connections = 2;
/** Any number of our own: whoever sets tables up holds it. */
const setUpLock = 0x51_1c_e0;
const statementTimeoutMs = 10_000;

/** Records in PostgreSQL. Nothing is connected to before the first question. */
export function openPostgresRecords(settings: PostgresSettings): SqlDatabase {
  const pool = new Pool({
    ...postgresClient(settings),
    max: connections,
    statement_timeout: statementTimeoutMs,
    // A server that is gone without a word is no reason to wait for it.
    query_timeout: statementTimeoutMs + settings.connectTimeoutMs,
  });
  // Of idle connections; the next question makes a new one, or says that it cannot.
  pool.on('error', () => undefined);
  let closing: Promise<void> | null = null;
  const run = async (statement: string, values: readonly unknown[] = []): Promise<readonly SqlRow[]> => {
    try {
      return (await pool.query(statement, [...values])).rows as SqlRow[];
    } catch (error) {
      throw postgresFailure(settings, error);
    }
  };
  return {
    kind: 'postgres',
    query: run,
    async setUp(statements) {
      // Without values it goes as one simple query, which is one transaction.
      await run(`SELECT 1`);
      try {
        await pool.query(`BEGIN; SELECT pg_advisory_xact_lock(${setUpLock}); ${statements}; COMMIT`);
      } catch (error) {
        throw postgresFailure(settings, error);
      }
    },
    close: () => (closing ??= pool.end()),
  };
}
