import type { ConfigStore, ConfigVersion, ConfigVersionLine } from '#core/contracts/config-store.ts';
import type { SqlDatabase, SqlRow } from './sql-database.ts';
import { nowMs } from './tables.ts';

const line = 'version, digest, author, comment, made_at_ms';

export function openConfigStore(database: SqlDatabase): ConfigStore {
  const one = async (statement: string, values: readonly (string | number)[] = []) => {
    const [row] = await database.query(statement, values);
    return row ? versionOf(row) : null;
  };
  return {
    latest: () => one(`SELECT ${line}, text FROM config_versions ORDER BY version DESC LIMIT 1`),
    read: (version) => one(`SELECT ${line}, text FROM config_versions WHERE version = $1`, [version]),
    async list(limit, before = null) {
      const rows = await database.query(
        `SELECT ${line} FROM config_versions WHERE version < CAST($2 AS BIGINT) ORDER BY version DESC LIMIT $1`,
        [limit, before ?? Number.MAX_SAFE_INTEGER],
      );
      return rows.map(lineOf);
    },
    append({ text, digest, author, comment }, after) {
      // Of two at the same moment the key lets one in.
      return one(
        `INSERT INTO config_versions (version, text, digest, author, comment, made_at_ms)
         SELECT CAST($1 AS BIGINT), $2, $3, $4, $5, ${nowMs(database)}
         WHERE (SELECT COALESCE(MAX(version), 0) FROM config_versions) = CAST($6 AS BIGINT)
         ON CONFLICT DO NOTHING RETURNING ${line}, text`,
        [after + 1, text, digest, author, comment, after],
      );
    },
  };
}

const versionOf = (row: SqlRow): ConfigVersion => ({ ...lineOf(row), text: String(row['text']) });

const lineOf = (row: SqlRow): ConfigVersionLine => ({
  version: Number(row['version']),
  digest: String(row['digest']),
  author: String(row['author']),
  comment: String(row['comment']),
  madeAtMs: Number(row['made_at_ms']),
});
