import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { StorageSettings } from '#core/storage-settings.ts';
import { openPostgresRecords } from '#storage/distributed/postgres-records.ts';
import { openSqliteRecords } from '#storage/embedded/sqlite-records.ts';
import type { SqlDatabase } from '#storage/records/sql-database.ts';
import { withRecordTables } from '#storage/records/tables.ts';

/** Versions of the configuration, and nodes: in PostgreSQL where there is one, else in the state directory. */
export function openRecords({ postgres }: StorageSettings, stateDirectory: string): SqlDatabase {
  if (postgres) return withRecordTables(openPostgresRecords(postgres));
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  return withRecordTables(openSqliteRecords(join(stateDirectory, 'records.db')));
}
