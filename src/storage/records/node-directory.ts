import type { Invitation, NodeDirectory, NodeView } from '#core/contracts/node-directory.ts';
import type { SqlDatabase, SqlRow } from './sql-database.ts';
import { nowMs } from './tables.ts';

/** Nodes that were not heard of for so long are not listed: a month. */
const forgottenAfterMs = 30 * 86_400_000;

export function openNodeDirectory(database: SqlDatabase): NodeDirectory {
  const now = nowMs(database);
  return {
    async report(node) {
      const { id, name, kind, version, startedAtMs, ready, configVersion, refusal, lagSegments } = node;
      await database.query(
        `INSERT INTO gateway_nodes VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, ${now})
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, kind = excluded.kind, version = excluded.version,
           started_at_ms = excluded.started_at_ms, ready = excluded.ready, config_version = excluded.config_version,
           refusal = excluded.refusal, lag_segments = excluded.lag_segments, seen_at_ms = excluded.seen_at_ms`,
        [id, name, kind, version, startedAtMs, ready ? 1 : 0, configVersion, refusal, lagSegments],
      );
    },
    async list() {
      const rows = await database.query(
        `SELECT *, ${now} - seen_at_ms AS age_ms FROM gateway_nodes WHERE seen_at_ms > ${now} - ${forgottenAfterMs} ORDER BY name, id`,
      );
      return rows.map(nodeOf);
    },
    async invite({ id, name, expiresAtMs, leasePercent }, tokenSha256) {
      await database.query(
        `INSERT INTO node_invitations (id, name, token_sha256, lease_percent, made_at_ms, expires_at_ms)
         VALUES ($1, $2, $3, $4, ${now}, $5)`,
        [id, name, tokenSha256, leasePercent, expiresAtMs],
      );
    },
    async invitations() {
      return (await database.query('SELECT * FROM node_invitations ORDER BY made_at_ms, id')).map(
        invitationOf,
      );
    },
    async revoke(id) {
      const found = await database.query(
        `UPDATE node_invitations SET revoked_at_ms = COALESCE(revoked_at_ms, ${now}) WHERE id = $1 RETURNING id`,
        [id],
      );
      return found.length > 0;
    },
    async admit(tokenSha256, nodeId) {
      // The first node to come with it has it: two at the same moment are told apart by the statement.
      const [row] = await database.query(
        `UPDATE node_invitations SET node_id = COALESCE(node_id, $2)
         WHERE token_sha256 = $1 AND revoked_at_ms IS NULL AND COALESCE(node_id, $2) = $2
           AND (expires_at_ms IS NULL OR expires_at_ms > ${now}) RETURNING *`,
        [tokenSha256, nodeId],
      );
      return row ? invitationOf(row) : null;
    },
  };
}

const nodeOf = (row: SqlRow): NodeView => ({
  id: String(row['id']),
  name: String(row['name']),
  kind: row['kind'] === 'edge' ? 'edge' : 'member',
  version: String(row['version']),
  startedAtMs: Number(row['started_at_ms']),
  ready: Number(row['ready']) === 1,
  configVersion: Number(row['config_version']),
  refusal: textOrNull(row['refusal']),
  lagSegments: Number(row['lag_segments']),
  seenAtMs: Number(row['seen_at_ms']),
  ageMs: Number(row['age_ms']),
});

const invitationOf = (row: SqlRow): Invitation => ({
  id: String(row['id']),
  name: String(row['name']),
  leasePercent: Number(row['lease_percent']),
  madeAtMs: Number(row['made_at_ms']),
  expiresAtMs: row['expires_at_ms'] === null ? null : Number(row['expires_at_ms']),
  revoked: row['revoked_at_ms'] !== null,
  nodeId: textOrNull(row['node_id']),
});

const textOrNull = (value: unknown): string | null => (value === null ? null : String(value));
