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
