export type SqlValue = string | number | null;
export type SqlRow = Readonly<Record<string, unknown>>;

/** A database that records are kept in: SQLite or PostgreSQL. What is asked of it both understand. */
export interface SqlDatabase {
  readonly kind: 'sqlite' | 'postgres';
  /** Placeholders are $1, $2, …. Rejects when the database cannot be reached, or refuses. */
  query(statement: string, values?: readonly SqlValue[]): Promise<readonly SqlRow[]>;
  /** Runs statements without values in one transaction that no other process runs at the same time. */
  setUp(statements: string): Promise<void>;
  /** Harmless when it is called twice. */
  close(): Promise<void>;
}
