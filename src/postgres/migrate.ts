import type { Client } from 'pg';
import { schema } from './connect.ts';

/** From one version of a part's tables to the next, and back for a return to the version before. */
export interface PostgresMigration {
  readonly forward: string;
  /** Null: there is no way back. */
  readonly back: string | null;
}

/** Any number; the same for all, so that of many nodes that start at once one migrates. */
const migrationLock = 7_356_112;

/** The version of a part's tables; 0: there are none. */
export async function versionOf(client: Client, part: string): Promise<number> {
  const { rows } = await client.query(`SELECT to_regclass('${schema}.schema_version') IS NOT NULL AS made`);
  if (!rows[0].made) return 0;
  const found = await client.query(
    `SELECT MAX(version) AS version FROM ${schema}.schema_version WHERE part = $1`,
    [part],
  );
  return Number(found.rows[0].version ?? 0);
}

export interface Part {
  readonly part: string;
  readonly steps: readonly PostgresMigration[];
}

/**
 * Can this build work with that version? With its own, and with the next: each step leaves what the version before it does
 * possible, so that nodes of two versions run together while all are being replaced.
 */
export const isUsable = (version: number, { steps }: Part): boolean =>
  version === steps.length || version === steps.length + 1;

/** Brings the tables of a part up to this build's version, unless it can use them as they are. @throws as `migrate`. */
export async function prepare(client: Client, part: Part): Promise<void> {
  if (!isUsable(await versionOf(client, part.part), part)) await migrate(client, part, part.steps.length);
  await lookInSchema(client);
}

/** A connection that was made before the schema may not look there, and would make its tables elsewhere. */
const lookInSchema = (client: Client) => client.query(`SET search_path = ${schema}, public`);

/**
 * Brings the tables of a part to a version, forwards or back, each step in a transaction of its own. Of many that come at
 * once, one does it and the others wait.
 * @throws Error when a later version than this build's wrote them, or there is no way back.
 */
export async function migrate(client: Client, { part, steps }: Part, to: number): Promise<void> {
  await client.query('SELECT pg_advisory_lock($1)', [migrationLock]);
  try {
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
    await lookInSchema(client);
    await client.query(
      `CREATE TABLE IF NOT EXISTS ${schema}.schema_version (
         part TEXT NOT NULL, version INTEGER NOT NULL, applied_at TIMESTAMPTZ NOT NULL DEFAULT now(),
         PRIMARY KEY (part, version))`,
    );
    for (let at = await versionOf(client, part); at !== to; at = await versionOf(client, part)) {
      if (at > steps.length)
        throw new Error(`the ${part} has schema version ${at}, this build knows ${steps.length}`);
      await step(client, { part, steps, from: at, forward: at < to });
    }
  } finally {
    await client.query('SELECT pg_advisory_unlock($1)', [migrationLock]);
  }
}

async function step(
  client: Client,
  {
    part,
    steps,
    from,
    forward,
  }: { part: string; steps: readonly PostgresMigration[]; from: number; forward: boolean },
): Promise<void> {
  const sql = forward ? steps[from]!.forward : steps[from - 1]!.back;
  if (sql === null) throw new Error(`there is no way back from schema version ${from} of the ${part}`);
  await client.query('BEGIN');
  try {
    await client.query(sql);
    if (forward) await client.query(`INSERT INTO ${schema}.schema_version VALUES ($1, $2)`, [part, from + 1]);
    else
      await client.query(`DELETE FROM ${schema}.schema_version WHERE part = $1 AND version = $2`, [
        part,
        from,
      ]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
