import type { Books } from './books.ts';
import type { PostgresPlace } from './postgres/place.ts';
import { openSqliteBooks } from './sqlite/sqlite-books.ts';

/** Where a node keeps its ledger. */
export interface LedgerPlace {
  /** Of SQLite, unless there is a server. */
  readonly databasePath: string;
  readonly journalDirectory: string;
  /** Of all nodes together; null: none. */
  readonly postgres: PostgresPlace | null;
}

/** @throws Error when it cannot be opened or was written by a later version. */
export async function openBooks({ databasePath, postgres }: LedgerPlace): Promise<Books> {
  if (!postgres) return openSqliteBooks(databasePath);
  const { openPostgresBooks } = await import('./postgres/postgres-books.ts');
  return openPostgresBooks(postgres);
}
