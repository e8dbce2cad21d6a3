import type { SqlDatabase } from './sql-database.ts';

/** Of the tables. A node that finds a later one leaves them alone. */
const format = 1;

const tables = `
  CREATE TABLE IF NOT EXISTS sluice_records (format BIGINT NOT NULL);
  INSERT INTO sluice_records SELECT ${format} WHERE NOT EXISTS (SELECT 1 FROM sluice_records);
  CREATE TABLE IF NOT EXISTS config_versions (
    version BIGINT PRIMARY KEY,
    text TEXT NOT NULL,
    digest TEXT NOT NULL,
    author TEXT NOT NULL,
    comment TEXT NOT NULL,
    made_at_ms BIGINT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS nodes (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    version TEXT NOT NULL,
    started_at_ms BIGINT NOT NULL,
    ready BIGINT NOT NULL,
    config_version BIGINT NOT NULL,
    refusal TEXT,
    lag_segments BIGINT NOT NULL,
    seen_at_ms BIGINT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS node_invitations (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    token_sha256 TEXT NOT NULL UNIQUE,
    lease_percent BIGINT NOT NULL,
    made_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT,
    revoked_at_ms BIGINT,
    node_id TEXT
  );
`;

const sqliteGuards = `
  CREATE TRIGGER IF NOT EXISTS config_versions_stay BEFORE UPDATE ON config_versions
    BEGIN SELECT RAISE(ABORT, 'versions of the configuration are not changed'); END;
  CREATE TRIGGER IF NOT EXISTS config_versions_remain BEFORE DELETE ON config_versions
    BEGIN SELECT RAISE(ABORT, 'versions of the configuration are not removed'); END;
`;

/** Whoever inserts a version announces it, with the commit. */
const postgresGuards = `
  CREATE OR REPLACE FUNCTION sluice_config_stays() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''versions of the configuration are neither changed nor removed''; END';
  CREATE OR REPLACE TRIGGER config_versions_stay BEFORE UPDATE OR DELETE ON config_versions
    FOR EACH ROW EXECUTE FUNCTION sluice_config_stays();
  CREATE OR REPLACE FUNCTION sluice_config_announce() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_notify(''sluice_config'', NEW.version::text); RETURN NULL; END';
  CREATE OR REPLACE TRIGGER config_versions_announce AFTER INSERT ON config_versions
    FOR EACH ROW EXECUTE FUNCTION sluice_config_announce();
`;

/** Makes what is missing. @throws Error when a newer version has made the tables, or the database cannot be used. */
export async function makeRecordTables(database: SqlDatabase): Promise<void> {
  await database.setUp(tables + (database.kind === 'sqlite' ? sqliteGuards : postgresGuards));
  const [row] = await database.query('SELECT format FROM sluice_records');
  if (Number(row?.['format']) !== format)
    throw new Error(
      `The tables of configuration and nodes have format ${String(row?.['format'])}; this version reads format ${format}.`,
    );
}

/** The store's own time, in SQL: nodes' clocks differ. */
export const nowMs = (database: SqlDatabase): string =>
  database.kind === 'sqlite'
    ? `CAST(unixepoch('subsec') * 1000 AS INTEGER)`
    : `CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)`;

/** The same database, its tables made before the first question that it answers. */
export function withRecordTables(database: SqlDatabase): SqlDatabase {
  let made: Promise<void> | null = null;
  return {
    ...database,
    async query(statement, values) {
      // One that could not be reached may be there the next time.
      await (made ??= makeRecordTables(database).catch((error: unknown) => {
        made = null;
        throw error;
      }));
      return database.query(statement, values);
    },
  };
}
