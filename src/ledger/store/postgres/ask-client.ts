import type { Client } from 'pg';
import type { Row, Statement } from '../asking.ts';

/** Answers from PostgreSQL, which counts the places of values: `$1`, `$2`, … */
export const askClient =
  (client: Client) =>
  async ({ sql, values }: Statement): Promise<Row[]> => {
    let at = 0;
    const numbered = sql.replaceAll('?', () => `$${(at += 1)}`);
    return (await client.query(numbered, [...values])).rows as Row[];
  };
