import type { TokenDirectory, TokenRecord } from '#core/contracts/token-directory.ts';
import type { Permission, RoleGrant } from '#core/principal.ts';
import type { SqlDatabase, SqlRow } from './sql-database.ts';
import { nowMs } from './tables.ts';

export function openTokenDirectory(database: SqlDatabase): TokenDirectory {
  const now = nowMs(database);
  return {
    async add({ id, name, kind, owner, ownerName, roles, scopes, expiresAtMs }, secretSha256) {
      // Sessions that are over are of no more use to anybody; tokens stay, so that records which name them can be read.
      await database.query(`DELETE FROM admin_tokens WHERE kind = 'session' AND expires_at_ms <= ${now}`);
      const [row] = await database.query(
        `INSERT INTO admin_tokens (id, name, kind, owner, owner_name, secret_sha256, roles, scopes, made_at_ms, expires_at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, ${now}, $9) RETURNING *`,
        [id, name, kind, owner, ownerName, secretSha256, textOf(roles), textOf(scopes), expiresAtMs],
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
    async list(owner) {
      const rows = await database.query(
        `SELECT * FROM admin_tokens
         WHERE (kind = 'token' OR (revoked_at_ms IS NULL AND expires_at_ms > ${now}))
           AND ($1 = '' OR owner = $1) ORDER BY made_at_ms, id`,
        [owner ?? ''],
      );
      return rows.map(recordOf);
    },
    async revoke(id, owner) {
      const found = await database.query(
        `UPDATE admin_tokens SET revoked_at_ms = COALESCE(revoked_at_ms, ${now})
         WHERE id = $1 AND ($2 = '' OR owner = $2) RETURNING id`,
        [id, owner ?? ''],
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
  roles: listOf<RoleGrant>(row['roles']),
  scopes: listOf<Permission>(row['scopes']),
  madeAtMs: Number(row['made_at_ms']),
  expiresAtMs: Number(row['expires_at_ms']),
  revoked: row['revoked_at_ms'] !== null,
});
