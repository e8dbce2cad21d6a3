import type { SqlDatabase } from './sql-database.ts';

const tables = `
  CREATE TABLE config_versions (
    version BIGINT PRIMARY KEY,
    text TEXT NOT NULL,
    digest TEXT NOT NULL,
    author TEXT NOT NULL,
    comment TEXT NOT NULL,
    made_at_ms BIGINT NOT NULL
  );
  CREATE TABLE gateway_nodes (
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
  CREATE TABLE node_invitations (
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
  CREATE TRIGGER config_versions_stay BEFORE UPDATE ON config_versions
    BEGIN SELECT RAISE(ABORT, 'versions of the configuration are not changed'); END;
  CREATE TRIGGER config_versions_remain BEFORE DELETE ON config_versions
    BEGIN SELECT RAISE(ABORT, 'versions of the configuration are not removed'); END;
`;

/** Whoever inserts a version announces it, with the commit. */
const postgresGuards = `
  CREATE FUNCTION sluice_config_stays() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''versions of the configuration are neither changed nor removed''; END';
  CREATE TRIGGER config_versions_stay BEFORE UPDATE OR DELETE ON config_versions
    FOR EACH ROW EXECUTE FUNCTION sluice_config_stays();
  CREATE FUNCTION sluice_config_announce() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_notify(''sluice_config'', NEW.version::text); RETURN NULL; END';
  CREATE TRIGGER config_versions_announce AFTER INSERT ON config_versions
    FOR EACH ROW EXECUTE FUNCTION sluice_config_announce();
`;

const tokenTables = `
  CREATE TABLE admin_tokens (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    owner TEXT NOT NULL,
    owner_name TEXT NOT NULL,
    maker TEXT NOT NULL,
    secret_sha256 TEXT NOT NULL UNIQUE,
    roles TEXT,
    scopes TEXT,
    made_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    revoked_at_ms BIGINT
  );
`;

/** Every step from nothing to the current tables. Never edit a published one, add another. */
const stepsOf = ({ kind }: SqlDatabase): readonly string[] => [
  tables + (kind === 'sqlite' ? sqliteGuards : postgresGuards),
  tokenTables,
];

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
      await (made ??= database.migrate(stepsOf(database)).catch((error: unknown) => {
        made = null;
        throw error;
      }));
      return database.query(statement, values);
    },
  };
}
