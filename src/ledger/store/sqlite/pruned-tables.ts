import type { DatabaseSync } from 'node:sqlite';

/** Schema version 4: what receipts that were removed had summed up to, so that the books can still be added up. */
export const addPruned = `
  CREATE TABLE pruned_sums (
    id_day INTEGER NOT NULL,
    day INTEGER NOT NULL,
    key TEXT NOT NULL,
    team TEXT NOT NULL,
    model TEXT NOT NULL,
    service TEXT NOT NULL,
    currency TEXT NOT NULL,
    requests INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    input INTEGER NOT NULL,
    output INTEGER NOT NULL,
    cost_nano INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE pruned_postings (
    id_day INTEGER NOT NULL,
    posting INTEGER NOT NULL,
    currency TEXT NOT NULL,
    cost_nano INTEGER NOT NULL
  ) STRICT;`;

/** @throws Error when receipts were removed: the version before would miss them. */
export function removePruned(database: DatabaseSync): void {
  if (database.prepare('SELECT 1 FROM pruned_sums LIMIT 1').get())
    throw new Error('receipts were removed, which the version before cannot add up');
  database.exec('DROP TABLE pruned_sums; DROP TABLE pruned_postings');
}
