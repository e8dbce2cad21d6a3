import type { Part, PostgresMigration } from '#postgres/migrate.ts';

const sums = `
    requests BIGINT NOT NULL,           -- counted where the last attempt went
    attempts BIGINT NOT NULL,
    errors BIGINT NOT NULL,             -- requests that failed
    input BIGINT NOT NULL,
    output BIGINT NOT NULL,
    cache_read BIGINT NOT NULL,
    cache_write BIGINT NOT NULL,
    reasoning BIGINT NOT NULL,
    cost_nano BIGINT NOT NULL`;

/** A running sum: its rows are changed again and again, so pages keep room for the next version of each. */
const sumTable = (table: string, names: string): string => `
  CREATE TABLE ${table} (
    day INTEGER NOT NULL,
    ${names
      .split(' ')
      .map((name) => `${name} TEXT COLLATE "C" NOT NULL`)
      .join(', ')}, ${sums},
    PRIMARY KEY (day, ${names.replaceAll(' ', ', ')})
  ) WITH (fillfactor = 60);`;

/**
 * Every step from an empty schema to the current one. Never edit a published step, add another. Text is compared by bytes,
 * as SQLite does; money is BIGINT, so that an overflow is refused and nothing is rounded.
 */
const ledgerMigrations: readonly PostgresMigration[] = [
  {
    back: null,
    forward: `
  -- Where the books end. Whoever writes them locks this row first and until its commit: so numbers are in the order of commits,
  -- and no two writers are ever in each other's way further on.
  CREATE TABLE head (
    one BOOLEAN PRIMARY KEY DEFAULT true CHECK (one),
    posting BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    kept_from_day INTEGER NOT NULL      -- receipts whose ids are of earlier days are gone
  );
  INSERT INTO head VALUES (true, 0, 0, 0);

  -- What every exchange used and cost, for finding it. One partition for each day of ids.
  CREATE TABLE receipts (
    sequence BIGINT NOT NULL,           -- ascending in the order of commits; receipts, corrections and events share it
    id_day INTEGER NOT NULL,            -- day of the id, in whole days since 1970-01-01 UTC
    id TEXT COLLATE "C" NOT NULL,
    block BIGINT NOT NULL,              -- of the body
    posting BIGINT NOT NULL,            -- the movements that book it, together with those of the same batch
    day INTEGER NOT NULL,               -- of admission
    admitted_at_ms BIGINT NOT NULL,
    route TEXT COLLATE "C" NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    project TEXT COLLATE "C" NOT NULL,
    team TEXT COLLATE "C" NOT NULL,
    service TEXT COLLATE "C" NOT NULL,  -- empty where the caller does not say
    model TEXT COLLATE "C" NOT NULL,    -- of the last attempt; what was asked for when there was none
    provider TEXT COLLATE "C" NOT NULL, -- of the last attempt; empty when there was none
    trace_id TEXT COLLATE "C",
    attempts INTEGER NOT NULL,
    tokens BIGINT NOT NULL,             -- of all lines, in and out
    cost_nano BIGINT NOT NULL,          -- of all lines, whatever their currency: for checking, not for charging
    PRIMARY KEY (id_day, id)
  ) PARTITION BY RANGE (id_day);
  CREATE INDEX receipts_by_sequence ON receipts (sequence);
  CREATE INDEX receipts_by_trace ON receipts (trace_id) WHERE trace_id IS NOT NULL;

  -- Receipts as they were journalled: lines of JSON, packed by Zstandard.
  CREATE TABLE bodies (
    block BIGINT NOT NULL,              -- number of its first receipt
    last BIGINT NOT NULL,               -- of its last
    id_day INTEGER NOT NULL,
    content BYTEA NOT NULL,
    PRIMARY KEY (id_day, block)
  ) PARTITION BY RANGE (id_day);
  ALTER TABLE bodies ALTER COLUMN content SET STORAGE EXTERNAL;
  CREATE INDEX bodies_by_last ON bodies (last);

  -- What a receipt says now in place of what it said. Its figures are moved by the difference.
  CREATE TABLE corrections (
    sequence BIGINT PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL,
    posting BIGINT NOT NULL,
    reason TEXT NOT NULL,
    content BYTEA NOT NULL              -- the whole receipt, packed
  );
  CREATE INDEX corrections_by_id ON corrections (id);

  CREATE TABLE events (
    sequence BIGINT PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    body TEXT NOT NULL
  );

  -- Double entry: the entries of one posting and currency sum to zero. Nothing here is ever changed.
  CREATE TABLE movements (
    posting BIGINT NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    amount_nano BIGINT NOT NULL,        -- positive is a debit, negative a credit
    day INTEGER NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    team TEXT COLLATE "C" NOT NULL,
    model TEXT COLLATE "C" NOT NULL
  );
  CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '% are immutable', TG_TABLE_NAME; END $$;
  CREATE TRIGGER movements_are_immutable BEFORE UPDATE OR DELETE ON movements
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
  CREATE TRIGGER movements_are_kept BEFORE TRUNCATE ON movements
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

  -- Running sums, moved in the same transaction as the receipts they count.
  ${sumTable('counters', 'key project team model provider route outcome currency')}
  ${sumTable('usage_by_team', 'project team model provider currency')}
  ${sumTable('usage_by_service', 'project team service model provider currency')}

  -- Attempts that were begun and are on no receipt yet.
  CREATE TABLE open_attempts (
    exchange TEXT COLLATE "C" NOT NULL,
    attempt INTEGER NOT NULL,
    node TEXT COLLATE "C" NOT NULL,
    worker INTEGER NOT NULL,
    incarnation TEXT COLLATE "C" NOT NULL,
    intent TEXT NOT NULL,
    progress TEXT,
    progress_at_ms BIGINT NOT NULL,     -- 0 where there is none
    PRIMARY KEY (exchange, attempt)
  );
  CREATE INDEX open_attempts_by_node ON open_attempts (node);
  CREATE TABLE dead_incarnations (
    node TEXT COLLATE "C" NOT NULL,
    worker INTEGER NOT NULL,
    incarnation TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (node, worker, incarnation)
  );

  -- What stands booked in the windows of limits, gathered in panes: enough to rebuild them after a restart.
  CREATE TABLE booked (
    subject TEXT COLLATE "C" NOT NULL,
    window_ms BIGINT NOT NULL,
    pane BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,              -- of the latest amount in the pane
    amount BIGINT NOT NULL,
    PRIMARY KEY (subject, window_ms, pane)
  ) WITH (fillfactor = 60);

  -- Segments that are ingested and whose files may still be there.
  CREATE TABLE segments (
    node TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,           -- bytes of it that were read and trusted
    ingested_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (node, name)
  );

  -- What somebody must look at: damaged segments, frames that make no sense, receipts that contradict each other.
  CREATE TABLE incidents (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    position BIGINT NOT NULL,
    reason TEXT NOT NULL,
    content TEXT,
    UNIQUE (kind, subject, position)
  );

  -- Who writes here, and when it was last seen, by the clock of this server.
  CREATE TABLE ledger_nodes (
    node TEXT COLLATE "C" PRIMARY KEY,
    host TEXT NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL,
    settled_at TIMESTAMPTZ              -- when what it had left open was settled for it; null while it is there
  );
  `,
  },
  {
    forward: `
  -- What receipts that were removed had summed up to, so that the books can still be added up.
  CREATE TABLE pruned_sums (
    id_day INTEGER NOT NULL,
    day INTEGER NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    team TEXT COLLATE "C" NOT NULL,
    model TEXT COLLATE "C" NOT NULL,
    service TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    requests BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    input BIGINT NOT NULL,
    output BIGINT NOT NULL,
    cost_nano BIGINT NOT NULL
  );
  CREATE TABLE pruned_postings (
    id_day INTEGER NOT NULL,
    posting BIGINT NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    cost_nano BIGINT NOT NULL
  );`,
    back: `
  DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM pruned_sums) THEN
      RAISE EXCEPTION 'receipts were removed, which the version before cannot add up';
    END IF;
  END $$;
  DROP TABLE pruned_sums;
  DROP TABLE pruned_postings;`,
  },
  {
    forward: `
  -- What customers pay, beside what it costs. Until here the one was the other.
  ALTER TABLE counters ADD COLUMN price_nano BIGINT NOT NULL DEFAULT 0;
  ALTER TABLE usage_by_team ADD COLUMN price_nano BIGINT NOT NULL DEFAULT 0;
  ALTER TABLE usage_by_service ADD COLUMN price_nano BIGINT NOT NULL DEFAULT 0;
  UPDATE counters SET price_nano = cost_nano;
  UPDATE usage_by_team SET price_nano = cost_nano;
  UPDATE usage_by_service SET price_nano = cost_nano;
  ALTER TABLE pruned_sums ADD COLUMN price_nano BIGINT NOT NULL DEFAULT 0;
  ALTER TABLE pruned_postings ADD COLUMN price_nano BIGINT NOT NULL DEFAULT 0;
  UPDATE pruned_sums SET price_nano = cost_nano;
  UPDATE pruned_postings SET price_nano = cost_nano;

  -- How far each webhook is: everything up to a number was delivered, given up, or not wanted.
  CREATE TABLE webhooks (
    name TEXT COLLATE "C" PRIMARY KEY,
    position BIGINT NOT NULL,
    stopped TEXT,                       -- why nothing is delivered any more
    owner TEXT COLLATE "C" NOT NULL,    -- the node that delivers
    leased_until_ms BIGINT NOT NULL     -- by the clock of this server
  );
  -- Events that were given up.
  CREATE TABLE dead_letters (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL,
    event TEXT NOT NULL,                -- as it was to be delivered
    reason TEXT NOT NULL,
    tries BIGINT NOT NULL,
    at_ms BIGINT NOT NULL
  );
  `,
    back: `
  DROP TABLE dead_letters;
  DROP TABLE webhooks;
  ALTER TABLE counters DROP COLUMN price_nano;
  ALTER TABLE usage_by_team DROP COLUMN price_nano;
  ALTER TABLE usage_by_service DROP COLUMN price_nano;
  ALTER TABLE pruned_sums DROP COLUMN price_nano;
  ALTER TABLE pruned_postings DROP COLUMN price_nano;
  `,
  },
  {
    forward: `
  -- Subjects of which an event is not taken, and up to which number theirs are done: JSON.
  ALTER TABLE webhooks ADD COLUMN held TEXT NOT NULL DEFAULT '[]';`,
    back: `
  -- All that came after the first of them goes out again.
  UPDATE webhooks SET position = (SELECT min((one ->> 'after')::bigint) FROM json_array_elements(held::json) AS one)
    WHERE held <> '[]';
  ALTER TABLE webhooks DROP COLUMN held;`,
  },
];

export const ledgerPart: Part = { part: 'ledger', steps: ledgerMigrations };
