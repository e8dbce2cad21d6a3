import type { TokenDirectory, TokenRecord } from '#core/contracts/token-directory.ts';
import type { Permission, RoleGrant } from '#core/principal.ts';
import type { SqlDatabase, SqlRow } from './sql-database.ts';
import { nowMs } from './tables.ts';

export function openTokenDirectory(database: SqlDatabase): TokenDirectory {
  const now = nowMs(database);
  return {
    async add(record, secretSha256) {
      const { id, name, kind, owner, ownerName, maker, roles, scopes, expiresAtMs } = record;
      // Sessions that are over are of no more use to anybody; tokens stay, so that records which name them can be read.
      await database.query(`DELETE FROM admin_tokens WHERE kind = 'session' AND expires_at_ms <= ${now}`);
      const [row] = await database.query(
        `INSERT INTO admin_tokens (id, name, kind, owner, owner_name, maker, secret_sha256, roles, scopes, made_at_ms, expires_at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, ${now}, $10) RETURNING *`,
        [
          ...[id, name, kind, owner, ownerName, maker, secretSha256],
          ...[textOf(roles), textOf(scopes), expiresAtMs],
        ],
      );
      return recordOf(row!);
    },
    async find(secretSha256) {
      const [row] = await database.query(
        `SELECT * FROM admin_tokens WHERE secret_sha256 = $1 AND revoked_at_ms IS NULL AND expires_at_ms > ${now}`,
        [secretSha256],
      );
      return row ? recordOf(row) : null;
    },
    async list(whose) {
      const rows = await database.query(
        `SELECT * FROM admin_tokens
         WHERE (kind = 'token' OR (revoked_at_ms IS NULL AND expires_at_ms > ${now}))
           AND ($1 = '' OR owner = $1 OR maker = $1) ORDER BY made_at_ms, id`,
        [whose ?? ''],
      );
      return rows.map(recordOf);
    },
    async revoke(id, whose) {
      const found = await database.query(
        `UPDATE admin_tokens SET revoked_at_ms = COALESCE(revoked_at_ms, ${now})
         WHERE id = $1 AND ($2 = '' OR owner = $2 OR maker = $2) RETURNING id`,
        [id, whose ?? ''],
      );
      return found.length > 0;
    },
  };
}

const textOf = (value: readonly unknown[] | null): string | null => value && JSON.stringify(value);

const listOf = <T>(value: unknown): readonly T[] | null =>
  value === null ? null : (JSON.parse(String(value)) as T[]);

const recordOf = (row: SqlRow): TokenRecord => ({
  id: String(row['id']),
  name: String(row['name']),
  kind: row['kind'] === 'session' ? 'session' : 'token',
  owner: String(row['owner']),
  ownerName: String(row['owner_name']),
  maker: String(row['maker']),
  roles: listOf<RoleGrant>(row['roles']),
  scopes: listOf<Permission>(row['scopes']),
  madeAtMs: Number(row['made_at_ms']),
  expiresAtMs: Number(row['expires_at_ms']),
  revoked: row['revoked_at_ms'] !== null,
});
