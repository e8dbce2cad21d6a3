import type { Books } from './books.ts';
import { openSqliteBooks } from './sqlite/sqlite-books.ts';

/** Where a node keeps its ledger. */
export interface LedgerPlace {
  /** Of SQLite, unless there is a server. */
  readonly databasePath: string;
  readonly journalDirectory: string;
  /** Of all nodes together. */
  readonly postgres?: PostgresPlace;
}

export interface PostgresPlace {
  /** As `postgres://user:password@host/database`. */
  readonly url: string;
  /** Which node this is: a name that it keeps over restarts and that no other has. */
  readonly node: string;
  /** A node that was not seen for so long is gone, and what it left open is settled by another; 60,000 unless told. */
  readonly goneAfterMs?: number;
}

/** @throws Error when it cannot be opened or was written by a later version. */
export async function openBooks({ databasePath, postgres }: LedgerPlace): Promise<Books> {
  if (!postgres) return openSqliteBooks(databasePath);
  const { openPostgresBooks } = await import('./postgres/postgres-books.ts');
  return openPostgresBooks(postgres);
}
