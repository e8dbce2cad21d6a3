import type { Asking } from './asking.ts';
import { readPruned } from './pruned-sums.ts';
import { compareSums, findFaults, ReceiptSums, type Finding } from './verify-sums.ts';
import { walkDay } from './walk-day.ts';

export type { Finding } from './verify-sums.ts';

export interface Verification {
  /** Those that are there; what was pruned counts by its sums. */
  readonly receipts: number;
  readonly attempts: number;
  /** Empty when the books are right. At most 1,000. */
  readonly findings: readonly Finding[];
}

const mostFindings = 1_000;

/**
 * Adds the columns up: receipts as they were journalled, their rows, counters and movements must tell the same story by
 * key, team, model, day and posting. Reads everything; ask it in one snapshot.
 */
export function* verifyBooks(): Asking<Verification> {
  const findings: Finding[] = [];
  const sums = new ReceiptSums();
  let [receipts, attempts] = [0, 0];
  const days = yield { sql: 'SELECT DISTINCT id_day FROM bodies ORDER BY id_day', values: [] };
  for (const row of days) {
    yield* walkDay(Number(row['id_day']), {
      findings,
      onReceipt(entry, posting) {
        receipts += 1;
        attempts += entry.receipt.attempts.length;
        sums.add(entry, posting, 1);
      },
      onCorrection(before, after, posting) {
        attempts += after.receipt.attempts.length - before.receipt.attempts.length;
        sums.add(before, posting, -1);
        sums.add(after, posting, 1);
      },
    });
  }
  const pruned = yield* readPruned();
  for (const { of, figures } of pruned.sums) sums.addFigures(of, figures);
  for (const each of pruned.postings) sums.addPosting(each.posting, each.currency, each);
  yield* compareSums(sums, findings);
  yield* findFaults(findings);
  return { receipts, attempts, findings: findings.slice(0, mostFindings) };
}
