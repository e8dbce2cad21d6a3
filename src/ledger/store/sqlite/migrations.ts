import type { DatabaseSync } from 'node:sqlite';
import { packReceipts } from './pack-receipts.ts';
import { addPruned, removePruned } from './pruned-tables.ts';

/** From one schema version to the next, in a transaction of its own. */
export interface Migration {
  readonly forward: string | ((database: DatabaseSync) => void);
  /** The way back, for a return to the version before; null: there is none. */
  readonly back: ((database: DatabaseSync) => void) | null;
}

/** Every step from an empty database to the current one. Never edit a published step, add another. */
export const migrations: readonly Migration[] = [
  {
    forward: `
  -- What every exchange used and cost. \`body\` is the receipt as it was journalled, the columns are for finding it.
  CREATE TABLE receipts (
    id TEXT PRIMARY KEY,
    day INTEGER NOT NULL,               -- whole days since 1970-01-01 UTC, of admission
    admitted_at_ms INTEGER NOT NULL,
    settled_at_ms INTEGER NOT NULL,
    route TEXT NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER NOT NULL,
    key TEXT NOT NULL,
    project TEXT NOT NULL,
    team TEXT NOT NULL,
    model TEXT NOT NULL,                -- of the last attempt; what was asked for when there was none
    provider TEXT NOT NULL,             -- of the last attempt; empty when there was none
    attempts INTEGER NOT NULL,
    body TEXT NOT NULL
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX receipts_by_day ON receipts (day);

  -- One row for each attempt on a receipt, with the totals of its lines.
  CREATE TABLE attempts (
    receipt_id TEXT NOT NULL REFERENCES receipts (id),
    number INTEGER NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    status INTEGER NOT NULL,
    fault TEXT,
    usage_source TEXT,
    price_version TEXT,
    currency TEXT NOT NULL,
    input INTEGER NOT NULL,
    output INTEGER NOT NULL,
    cost_nano INTEGER NOT NULL,
    PRIMARY KEY (receipt_id, number)
  ) WITHOUT ROWID, STRICT;

  -- The disjoint lines of an attempt.
  CREATE TABLE usage_lines (
    receipt_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    line INTEGER NOT NULL,
    direction TEXT NOT NULL,
    modality TEXT NOT NULL,
    cache TEXT NOT NULL,
    kind TEXT NOT NULL,
    model TEXT,                         -- set where the line is billed at another model's price
    count INTEGER NOT NULL CHECK (count BETWEEN 0 AND 9007199254740991),
    cost_nano INTEGER NOT NULL CHECK (cost_nano >= 0),
    PRIMARY KEY (receipt_id, number, line),
    FOREIGN KEY (receipt_id, number) REFERENCES attempts (receipt_id, number)
  ) WITHOUT ROWID, STRICT;

  -- Double entry: the entries of one transaction and currency sum to zero. Nothing here is ever changed.
  CREATE TABLE movements (
    receipt_id TEXT NOT NULL,
    number INTEGER NOT NULL,            -- with receipt_id: the transaction
    account TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount_nano INTEGER NOT NULL,       -- positive is a debit, negative a credit
    day INTEGER NOT NULL,
    key TEXT NOT NULL,
    team TEXT NOT NULL,
    model TEXT NOT NULL,
    PRIMARY KEY (receipt_id, number, account, currency)
  ) WITHOUT ROWID, STRICT;
  CREATE TRIGGER movements_are_immutable BEFORE UPDATE ON movements
    BEGIN SELECT RAISE(ABORT, 'movements are immutable'); END;
  CREATE TRIGGER movements_are_kept BEFORE DELETE ON movements
    BEGIN SELECT RAISE(ABORT, 'movements are immutable'); END;

  -- Running sums, moved in the same transaction as the receipts they count.
  CREATE TABLE counters (
    day INTEGER NOT NULL,
    key TEXT NOT NULL,
    project TEXT NOT NULL,
    team TEXT NOT NULL,
    model TEXT NOT NULL,
    provider TEXT NOT NULL,
    route TEXT NOT NULL,
    outcome TEXT NOT NULL,
    currency TEXT NOT NULL,
    requests INTEGER NOT NULL,          -- counted where the last attempt went
    attempts INTEGER NOT NULL,
    input INTEGER NOT NULL,
    output INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    cache_write INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    cost_nano INTEGER NOT NULL,
    PRIMARY KEY (day, key, project, team, model, provider, route, outcome, currency)
  ) WITHOUT ROWID, STRICT;

  -- Attempts that were begun and are on no receipt yet.
  CREATE TABLE open_attempts (
    exchange TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    worker INTEGER NOT NULL,
    incarnation TEXT NOT NULL,
    intent TEXT NOT NULL,
    progress TEXT,
    PRIMARY KEY (exchange, attempt)
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE dead_incarnations (
    worker INTEGER NOT NULL,
    incarnation TEXT NOT NULL,
    PRIMARY KEY (worker, incarnation)
  ) WITHOUT ROWID, STRICT;

  -- What stands booked in the windows of limits, gathered in panes: enough to rebuild them after a restart.
  CREATE TABLE booked (
    subject TEXT NOT NULL,
    window_ms INTEGER NOT NULL,
    pane INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,             -- of the latest amount in the pane
    amount INTEGER NOT NULL,
    PRIMARY KEY (subject, window_ms, pane)
  ) WITHOUT ROWID, STRICT;

  -- Segments that are ingested and whose files may still be there.
  CREATE TABLE segments (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL,          -- bytes of it that were read and trusted
    ingested_at_ms INTEGER NOT NULL
  ) WITHOUT ROWID, STRICT;

  -- What somebody must look at: damaged segments, frames that make no sense, receipts that contradict each other.
  CREATE TABLE incidents (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    position INTEGER NOT NULL,
    reason TEXT NOT NULL,
    content TEXT,
    UNIQUE (kind, subject, position)
  ) STRICT;
`,
    back: null,
  },
  {
    forward: `
  -- A receipt is one row, appended; everything that can be derived from its body is a view, and everything that sums up
  -- is moved once for a whole batch of receipts, which is one posting.
  CREATE TABLE receipts_2 (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    posting INTEGER NOT NULL,           -- the movements that book it, together with those of the same batch
    day INTEGER NOT NULL,               -- whole days since 1970-01-01 UTC, of admission
    admitted_at_ms INTEGER NOT NULL,
    settled_at_ms INTEGER NOT NULL,
    route TEXT NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER NOT NULL,
    key TEXT NOT NULL,
    project TEXT NOT NULL,
    team TEXT NOT NULL,
    model TEXT NOT NULL,                -- of the last attempt; what was asked for when there was none
    provider TEXT NOT NULL,             -- of the last attempt; empty when there was none
    attempts INTEGER NOT NULL,
    tokens INTEGER NOT NULL,            -- of all lines, in and out
    cost_nano INTEGER NOT NULL,         -- of all lines, whatever their currency: for checking, not for charging
    body TEXT NOT NULL                  -- the receipt as it was journalled
  ) STRICT;
  INSERT INTO receipts_2
    SELECT NULL, id, 0, day, admitted_at_ms, settled_at_ms, route, outcome, status, key, project, team, model, provider,
      attempts,
      (SELECT COALESCE(SUM(count), 0) FROM usage_lines WHERE receipt_id = id),
      (SELECT COALESCE(SUM(cost_nano), 0) FROM usage_lines WHERE receipt_id = id),
      body
    FROM receipts ORDER BY id;

  CREATE TABLE movements_2 (
    posting INTEGER NOT NULL,           -- the transaction: its entries sum to zero in each currency
    account TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount_nano INTEGER NOT NULL,       -- positive is a debit, negative a credit
    day INTEGER NOT NULL,
    key TEXT NOT NULL,
    team TEXT NOT NULL,
    model TEXT NOT NULL
  ) STRICT;
  INSERT INTO movements_2
    SELECT 0, account, currency, SUM(amount_nano), day, key, team, model
    FROM movements GROUP BY account, currency, day, key, team, model;

  DROP TABLE usage_lines;
  DROP TABLE attempts;
  DROP TABLE movements;
  DROP TABLE receipts;
  ALTER TABLE receipts_2 RENAME TO receipts;
  ALTER TABLE movements_2 RENAME TO movements;
  CREATE TRIGGER movements_are_immutable BEFORE UPDATE ON movements
    BEGIN SELECT RAISE(ABORT, 'movements are immutable'); END;
  CREATE TRIGGER movements_are_kept BEFORE DELETE ON movements
    BEGIN SELECT RAISE(ABORT, 'movements are immutable'); END;

  -- For people who ask in SQL. Amounts are text in a body: exact, and cast where they are added up.
  CREATE VIEW attempts AS
    SELECT receipts.id AS receipt_id, attempt.value ->> 'number' AS number, attempt.value ->> 'provider' AS provider,
      attempt.value ->> 'model' AS model, attempt.value ->> 'status' AS status, attempt.value ->> 'fault' AS fault,
      attempt.value ->> 'usageSource' AS usage_source, attempt.value ->> 'priceVersion' AS price_version,
      attempt.value ->> 'currency' AS currency
    FROM receipts, json_each(receipts.body, '$.attempts') AS attempt;
  CREATE VIEW usage_lines AS
    SELECT receipts.id AS receipt_id, attempt.value ->> 'number' AS number, line.key AS line,
      line.value ->> '$.line.direction' AS direction, line.value ->> '$.line.modality' AS modality,
      line.value ->> '$.line.cache' AS cache, line.value ->> '$.line.kind' AS kind,
      line.value ->> '$.line.model' AS model, line.value ->> '$.line.count' AS count,
      CAST(line.value ->> 'costNano' AS INTEGER) AS cost_nano
    FROM receipts, json_each(receipts.body, '$.attempts') AS attempt, json_each(attempt.value, '$.lines') AS line;
  CREATE VIEW usage_units AS
    SELECT receipts.id AS receipt_id, attempt.value ->> 'number' AS number, unit.value ->> 'unit' AS unit,
      unit.value ->> 'count' AS count, CAST(unit.value ->> 'costNano' AS INTEGER) AS cost_nano
    FROM receipts, json_each(receipts.body, '$.attempts') AS attempt, json_each(attempt.value, '$.units') AS unit;
`,
    back: null,
  },
  { forward: packReceipts, back: null },
  { forward: addPruned, back: removePruned },
  {
    forward: `
  -- What customers pay, beside what it costs. Until here the one was the other.
  ALTER TABLE counters ADD COLUMN price_nano INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE usage_by_team ADD COLUMN price_nano INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE usage_by_service ADD COLUMN price_nano INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE pruned_sums ADD COLUMN price_nano INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE pruned_postings ADD COLUMN price_nano INTEGER NOT NULL DEFAULT 0;
  UPDATE counters SET price_nano = cost_nano;
  UPDATE pruned_sums SET price_nano = cost_nano;
  UPDATE pruned_postings SET price_nano = cost_nano;
  UPDATE usage_by_team SET price_nano = cost_nano;
  UPDATE usage_by_service SET price_nano = cost_nano;

  -- How far each webhook is: everything up to a number was delivered, given up, or not wanted.
  CREATE TABLE webhooks (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    stopped TEXT,                       -- why nothing is delivered any more
    owner TEXT NOT NULL,                -- the node that delivers
    leased_until_ms INTEGER NOT NULL
  ) STRICT;
  -- Events that were given up.
  CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    event TEXT NOT NULL,                -- as it was to be delivered
    reason TEXT NOT NULL,
    tries INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
  ) STRICT;`,
    back: (database) => {
      database.exec('DROP TABLE dead_letters; DROP TABLE webhooks');
      for (const table of ['counters', 'usage_by_team', 'usage_by_service', 'pruned_sums', 'pruned_postings'])
        database.exec(`ALTER TABLE ${table} DROP COLUMN price_nano`);
    },
  },
  {
    forward: `
  -- Subjects of which an event is not taken, and up to which number theirs are done: JSON.
  ALTER TABLE webhooks ADD COLUMN held TEXT NOT NULL DEFAULT '[]';`,
    back: (database) =>
      database.exec(`
  -- All that came after the first of them goes out again.
  UPDATE webhooks SET position = (SELECT min(value ->> 'after') FROM json_each(held)) WHERE held <> '[]';
  ALTER TABLE webhooks DROP COLUMN held;`),
  },
];
