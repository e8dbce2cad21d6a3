import type { Asking } from './asking.ts';
import type { Books } from './books.ts';
import { PrunedSums, type PrunedDay } from './pruned-sums.ts';
import { renderDay } from './usage-rows.ts';
import type { Finding } from './verify-sums.ts';
import { walkDay } from './walk-day.ts';

export interface PruneReport {
  readonly days: number;
  readonly receipts: number;
}

/**
 * Removes the receipts whose ids are of days before `beforeDay` (whole days since 1970-01-01 UTC). Counters, roll-ups and movements
 * stay, and so do the sums that verifying needs. From the first moment on, a receipt of such a day that comes late is set aside:
 * whether it is counted can no longer be known.
 * @throws Error when receipts of such a day are not in order: `verify` says more, and nothing of that day is removed.
 */
export async function pruneBooks(books: Books, beforeDay: number): Promise<PruneReport> {
  await books.write(async ({ head }) => {
    head.keptFromDay = Math.max(head.keptFromDay, beforeDay);
  });
  const days = await books.ask(daysBefore(beforeDay));
  let receipts = 0;
  for (const day of days) {
    // Nothing of the day changes any more, so nobody waits while it is added up.
    const sums = await books.survey(sumDay(day), new AbortController().signal);
    await books.write((tables) => tables.dropDay(day, sums));
    receipts += sums.receipts;
  }
  return { days: days.length, receipts };
}

function* daysBefore(day: number): Asking<number[]> {
  const rows = yield {
    sql: 'SELECT DISTINCT id_day FROM bodies WHERE id_day < ? ORDER BY id_day',
    values: [day],
  };
  return rows.map((row) => Number(row['id_day']));
}

function* sumDay(day: number): Asking<PrunedDay> {
  const sums = new PrunedSums();
  const findings: Finding[] = [];
  yield* walkDay(day, {
    findings,
    onReceipt(entry, posting) {
      sums.receipts += 1;
      sums.add(entry, posting, 1);
    },
    onCorrection(before, after, posting) {
      sums.add(before, posting, -1);
      sums.add(after, posting, 1);
    },
  });
  const [first] = findings;
  if (first)
    throw new Error(
      `receipts of ${renderDay(day)} are not in order (${first.check}: ${first.subject}), so they stay; sluice ledger verify says more`,
    );
  return sums.end();
}
