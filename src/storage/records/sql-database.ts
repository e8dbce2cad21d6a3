export type SqlValue = string | number | null;
export type SqlRow = Readonly<Record<string, unknown>>;

/** A database that records are kept in: SQLite or PostgreSQL. What is asked of it both understand. */
export interface SqlDatabase {
  readonly kind: 'sqlite' | 'postgres';
  /** Placeholders are $1, $2, …. Rejects when the database cannot be reached, or refuses. */
  query(statement: string, values?: readonly SqlValue[]): Promise<readonly SqlRow[]>;
  /**
   * Brings the tables from one version to the next, each step in a transaction, which no other process runs at the same
   * time. Rejects when a later version than the last of `steps` made them.
   */
  migrate(steps: readonly string[]): Promise<void>;
  /** Harmless when it is called twice. */
  close(): Promise<void>;
}
