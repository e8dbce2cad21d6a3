import type { DatabaseSync } from 'node:sqlite';
import type { Row, Statement } from '../asking.ts';

/** Answers from a database of SQLite; whole numbers come as bigint. */
export const askDatabase =
  (database: DatabaseSync) =>
  ({ sql, values }: Statement): Row[] => {
    const statement = database.prepare(sql);
    statement.setReadBigInts(true);
    return statement.all(...values);
  };
