import type { Client } from 'pg';
import { dayMs } from '../receipt-entry.ts';

const partitioned = ['receipts', 'bodies'] as const;

/** `2026_11_23` */
const suffixOf = (day: number): string =>
  new Date(day * dayMs).toISOString().slice(0, -14).replaceAll('-', '_');

/**
 * Makes the partitions of a day, in the caller's transaction and under its lock of the head. They are made beside the table
 * and then attached, which waits for no reader and keeps none waiting.
 */
export async function addPartitions(client: Client, day: number): Promise<void> {
  for (const table of partitioned) {
    const name = `${table}_${suffixOf(day)}`;
    const { rows } = await client.query('SELECT to_regclass($1) IS NOT NULL AS made', [name]);
    if (rows[0].made) continue;
    await client.query(`CREATE TABLE ${name} (LIKE ${table} INCLUDING ALL)`);
    await client.query(
      `ALTER TABLE ${table} ATTACH PARTITION ${name} FOR VALUES FROM (${day}) TO (${day + 1})`,
    );
  }
}

/** Whoever waits for it keeps others waiting, so it is not waited for long. */
const dropLock = '3s';

/**
 * Removes the partitions of a day, in the caller's transaction. Waits a little for whoever reads receipts. @throws the server's
 * error where somebody reads on, such as a verification: it can be tried again.
 */
export async function dropPartitions(client: Client, day: number): Promise<void> {
  await client.query(`SET LOCAL lock_timeout = '${dropLock}'`);
  for (const table of partitioned) await client.query(`DROP TABLE ${table}_${suffixOf(day)}`);
}
