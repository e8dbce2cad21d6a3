import type { KeptThing, Obligation } from '#core/contracts/keeper.ts';
import { openQuestions, type PostgresServer } from '#postgres/connect.ts';
import { prepare, type Part } from '#postgres/migrate.ts';
import { atOnce, type KeptStore } from '../embedded/keeper/kept-store.ts';

export const keptPart: Part = {
  part: 'kept',
  steps: [
    {
      forward: `
  -- What providers keep, and whose it is: any node serves what another had made.
  CREATE TABLE kept (
    sequence BIGINT GENERATED ALWAYS AS IDENTITY,
    id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    provider TEXT COLLATE "C" NOT NULL,
    owner TEXT COLLATE "C" NOT NULL,
    exchange TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT,
    document TEXT,
    made_by TEXT,
    PRIMARY KEY (id, provider)
  );
  CREATE INDEX kept_by_owner ON kept (owner, kind, sequence);
  CREATE INDEX kept_until ON kept (expires_at_ms) WHERE expires_at_ms IS NOT NULL;

  -- Work of providers that is not paid for yet.
  CREATE TABLE owed (
    receipt TEXT COLLATE "C" PRIMARY KEY,
    thing TEXT COLLATE "C" NOT NULL,
    due_at_ms BIGINT NOT NULL,
    tries INTEGER NOT NULL,
    obligation TEXT NOT NULL
  );
  CREATE INDEX owed_when ON owed (due_at_ms);
  CREATE INDEX owed_for ON owed (thing);`,
      back: null,
    },
  ],
};

/** Connections of a node: its questions are few, and short. */
const most = 4;
/** Sooner than whoever asked gives up. */
const statementMs = 5_000;

const columns = 'id, kind, provider, owner, exchange, created_at_ms, expires_at_ms, document, made_by';

/** Kept things of all nodes. Nothing is connected to before the first question. */
export function openKeptPostgres(server: PostgresServer): KeptStore {
  const asked = openQuestions({ server, name: 'keeper', most, statementMs }, (client) =>
    prepare(client, keptPart),
  );
  const things = async (sql: string, values: readonly unknown[]): Promise<KeptThing[]> =>
    (await asked.query(sql, values)).map(thingOf);
  return {
    async note(noted) {
      const rows = noted.map((each, at) => ({ ...each, at }));
      // All of them or none, in their order.
      await asked.query(
        `INSERT INTO sluice.kept (${columns})
         SELECT id, kind, provider, owner, exchange, "createdAtMs", "expiresAtMs", document, "madeBy"
         FROM json_to_recordset($1) AS thing (at INTEGER, id TEXT, kind TEXT, provider TEXT, owner TEXT, exchange TEXT,
           "createdAtMs" BIGINT, "expiresAtMs" BIGINT, document TEXT, "madeBy" TEXT) ORDER BY at
         ON CONFLICT (id, provider) DO NOTHING`,
        [JSON.stringify(rows)],
      );
    },
    async find(owner, ids) {
      const found = await things(
        `SELECT ${columns} FROM sluice.kept WHERE owner = $1 AND id = ANY ($2) ORDER BY sequence DESC`,
        [owner, ids],
      );
      return ids.flatMap((id) => found.filter((thing) => thing.id === id));
    },
    async describe({ id, provider, owner }, document) {
      await asked.query(
        `UPDATE sluice.kept SET document = $1 WHERE id = $2 AND provider = $3 AND owner = $4 AND document IS NOT NULL`,
        [document, id, provider, owner],
      );
    },
    list({ owner, kind, after, order, limit }) {
      // After something that is not the owner's there is nothing: no number is above or below null.
      const [sign, way] = order === 'desc' ? ['<', 'DESC'] : ['>', 'ASC'];
      const place = `(SELECT sequence FROM sluice.kept WHERE id = $4 AND owner = $1 AND kind = $2 LIMIT 1)`;
      const from = after === null ? '$4::text IS NULL' : `sequence ${sign} ${place}`;
      return things(
        `SELECT ${columns} FROM sluice.kept WHERE owner = $1 AND kind = $2 AND ${from} ORDER BY sequence ${way} LIMIT $3`,
        [owner, kind, limit, after],
      );
    },
    async forget({ id, provider, owner }) {
      await asked.query('DELETE FROM sluice.kept WHERE id = $1 AND provider = $2 AND owner = $3', [
        id,
        provider,
        owner,
      ]);
    },
    async owe(obligation, dueAtMs) {
      const { receipt, thing } = obligation;
      await asked.query(
        'INSERT INTO sluice.owed (receipt, thing, due_at_ms, tries, obligation) VALUES ($1, $2, $3, 0, $4)',
        [receipt, thing, dueAtMs, JSON.stringify(obligation)],
      );
    },
    async due(nowMs, leaseMs, thing) {
      // Nodes that ask at once are given different ones.
      const rows = await asked.query(
        `UPDATE sluice.owed SET due_at_ms = $1::bigint + $2::bigint, tries = tries + 1 WHERE receipt IN
           (SELECT receipt FROM sluice.owed WHERE ($3::text IS NULL AND due_at_ms <= $1::bigint) OR thing = $3
            ORDER BY due_at_ms LIMIT ${atOnce} FOR UPDATE SKIP LOCKED)
         RETURNING obligation, tries - 1 AS tries`,
        [nowMs, leaseMs, thing],
      );
      const [count] = await asked.query('SELECT COUNT(*) AS open FROM sluice.owed');
      return {
        due: rows.map((row) => ({
          obligation: JSON.parse(String(row['obligation'])) as Obligation,
          tries: Number(row['tries']),
        })),
        open: Number(count!['open']),
      };
    },
    async settled(receipt) {
      await asked.query('DELETE FROM sluice.owed WHERE receipt = $1', [receipt]);
    },
    async postpone(receipt, dueAtMs) {
      await asked.query('UPDATE sluice.owed SET due_at_ms = $1 WHERE receipt = $2', [dueAtMs, receipt]);
    },
    async expire(nowMs) {
      await asked.query('DELETE FROM sluice.kept WHERE expires_at_ms < $1', [nowMs]);
    },
    close: () => asked.close(),
  };
}

const thingOf = (row: Record<string, unknown>): KeptThing => ({
  id: String(row['id']),
  kind: String(row['kind']),
  provider: String(row['provider']),
  owner: String(row['owner']),
  exchange: String(row['exchange']),
  createdAtMs: Number(row['created_at_ms']),
  expiresAtMs: row['expires_at_ms'] === null ? null : Number(row['expires_at_ms']),
  document: row['document'] as string | null,
  madeBy: row['made_by'] as string | null,
});
