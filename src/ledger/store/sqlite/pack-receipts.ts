import type { DatabaseSync } from 'node:sqlite';
import { bodiesInBlock, packBodies } from '../body-block.ts';
import { columnText } from '../column-text.ts';
import { parseReceipt } from '../../journal/record.ts';
import { idDayOf } from '../receipt-entry.ts';

/**
 * Schema version 3: bodies are packed many at a time, what comes on the books is numbered, receipts can be corrected, sums
 * are kept by team and by service, too, and whatever belongs to a node says to which.
 */
const tables = `
  -- Where the books end.
  CREATE TABLE head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    posting INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    kept_from_day INTEGER NOT NULL      -- receipts whose ids are of earlier days are gone
  ) STRICT;

  CREATE TABLE receipts_3 (
    sequence INTEGER PRIMARY KEY,       -- ascending in the order of commits; receipts, corrections and events share it
    id_day INTEGER NOT NULL,            -- day of the id, in whole days since 1970-01-01 UTC
    id TEXT NOT NULL,
    block INTEGER NOT NULL,             -- of the body
    posting INTEGER NOT NULL,           -- the movements that book it, together with those of the same batch
    day INTEGER NOT NULL,               -- of admission
    admitted_at_ms INTEGER NOT NULL,
    route TEXT NOT NULL,
    outcome TEXT NOT NULL,
    key TEXT NOT NULL,
    project TEXT NOT NULL,
    team TEXT NOT NULL,
    service TEXT NOT NULL,              -- empty where the caller does not say
    model TEXT NOT NULL,                -- of the last attempt; what was asked for when there was none
    provider TEXT NOT NULL,             -- of the last attempt; empty when there was none
    trace_id TEXT,
    attempts INTEGER NOT NULL,
    tokens INTEGER NOT NULL,            -- of all lines, in and out
    cost_nano INTEGER NOT NULL          -- of all lines, whatever their currency: for checking, not for charging
  ) STRICT;

  -- Receipts as they were journalled: lines of JSON, packed by Zstandard.
  CREATE TABLE bodies (
    block INTEGER PRIMARY KEY,          -- number of its first receipt
    last INTEGER NOT NULL,              -- of its last
    id_day INTEGER NOT NULL,
    content BLOB NOT NULL
  ) STRICT;

  -- What a receipt says now in place of what it said. Its figures are moved by the difference.
  CREATE TABLE corrections (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    posting INTEGER NOT NULL,
    reason TEXT NOT NULL,
    content BLOB NOT NULL               -- the whole receipt, packed
  ) STRICT;
  CREATE INDEX corrections_by_id ON corrections (id);

  CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL
  ) STRICT;`;

const sums = `
    requests INTEGER NOT NULL,          -- counted where the last attempt went
    attempts INTEGER NOT NULL,
    errors INTEGER NOT NULL,            -- requests that failed
    input INTEGER NOT NULL,
    output INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    cache_write INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    cost_nano INTEGER NOT NULL`;

const names = (list: string): string =>
  list
    .split(' ')
    .map((name) => `${name} TEXT NOT NULL`)
    .join(', ');

const sumTables = `
  CREATE TABLE counters_3 (
    day INTEGER NOT NULL, ${names('key project team model provider route outcome currency')}, ${sums},
    PRIMARY KEY (day, key, project, team, model, provider, route, outcome, currency)
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE usage_by_team (
    day INTEGER NOT NULL, ${names('project team model provider currency')}, ${sums},
    PRIMARY KEY (day, project, team, model, provider, currency)
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE usage_by_service (
    day INTEGER NOT NULL, ${names('project team service model provider currency')}, ${sums},
    PRIMARY KEY (day, project, team, service, model, provider, currency)
  ) WITHOUT ROWID, STRICT;
  INSERT INTO counters_3
    SELECT day, key, project, team, model, provider, route, outcome, currency, requests, attempts,
      CASE WHEN outcome IN ('upstream_error', 'timeout', 'gateway_crash') THEN requests ELSE 0 END,
      input, output, cache_read, cache_write, reasoning, cost_nano
    FROM counters;
  INSERT INTO usage_by_team
    SELECT day, project, team, model, provider, currency, SUM(requests), SUM(attempts), SUM(errors), SUM(input),
      SUM(output), SUM(cache_read), SUM(cache_write), SUM(reasoning), SUM(cost_nano)
    FROM counters_3 GROUP BY day, project, team, model, provider, currency;
  DROP TABLE counters;
  ALTER TABLE counters_3 RENAME TO counters;`;

const nodes = `
  ALTER TABLE open_attempts ADD COLUMN node TEXT NOT NULL DEFAULT '';
  ALTER TABLE dead_incarnations ADD COLUMN node TEXT NOT NULL DEFAULT '';`;

const finish = `
  DROP VIEW attempts;
  DROP VIEW usage_lines;
  DROP VIEW usage_units;
  DROP TABLE receipts;
  ALTER TABLE receipts_3 RENAME TO receipts;
  CREATE UNIQUE INDEX receipts_by_id ON receipts (id);
  CREATE INDEX receipts_by_trace ON receipts (trace_id) WHERE trace_id IS NOT NULL;
  CREATE INDEX bodies_by_day ON bodies (id_day, block);
  CREATE INDEX bodies_by_last ON bodies (last);`;

export function packReceipts(database: DatabaseSync): void {
  database.exec(tables + sumTables + nodes);
  const page = database.prepare(`SELECT * FROM receipts WHERE row > ? ORDER BY row LIMIT ${bodiesInBlock}`);
  const receipt = database.prepare(
    `INSERT INTO receipts_3 SELECT ?1, ?2, id, ?3, posting, day, admitted_at_ms, route, outcome, key, project, team, '',
       ?4, provider, ?5, attempts, tokens, cost_nano FROM receipts WHERE row = ?1`,
  );
  const block = database.prepare('INSERT INTO bodies VALUES (?, ?, ?, ?)');
  let last = 0;
  for (let rows = page.all(0); rows.length > 0; rows = page.all(last)) {
    for (const group of blocksIn(rows)) {
      const [first, idDay] = [Number(group[0]!['row']), idDayOf(String(group[0]!['id']))];
      last = Number(group.at(-1)!['row']);
      block.run(first, last, idDay, packBodies(group.map((row) => String(row['body']))));
      for (const row of group) {
        const { traceId } = parseReceipt(String(row['body']));
        receipt.run(Number(row['row']), idDay, first, columnText(String(row['model'])), traceId);
      }
    }
  }
  database.exec(finish);
  database.exec(
    `INSERT INTO head SELECT 1, COALESCE(MAX(posting), 0), COALESCE(MAX(sequence), 0), 0 FROM receipts`,
  );
}

/** Rows that can be packed together: numbers without a gap, and of one day. */
function blocksIn(rows: readonly Record<string, unknown>[]): Record<string, unknown>[][] {
  const blocks: Record<string, unknown>[][] = [];
  for (const row of rows) {
    const before = blocks.at(-1)?.at(-1);
    const joins =
      before !== undefined &&
      Number(before['row']) + 1 === Number(row['row']) &&
      idDayOf(String(before['id'])) === idDayOf(String(row['id']));
    if (joins) blocks.at(-1)!.push(row);
    else blocks.push([row]);
  }
  return blocks;
}
