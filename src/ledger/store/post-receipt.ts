import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { ReservedAmount } from '#core/contracts/journal.ts';
import { totalCost } from '#core/price.ts';
import type { AttemptLine, Receipt } from '#core/receipt.ts';
import { totalsOf, type TokenTotals } from '#core/usage.ts';
import { BatchSums } from './batch-sums.ts';

export const dayMs = 86_400_000;
const mostNano = 2n ** 63n - 1n;

const noTokens: TokenTotals = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0 };

interface AttemptSum {
  readonly tokens: TokenTotals;
  readonly costNano: bigint;
}

/**
 * Puts receipts on the books, a batch at a time: the receipts one by one, what they move in sums. All of it is in the
 * caller's transaction: `begin`, any number of `post`, `flush`.
 */
export class ReceiptPoster {
  readonly #receipt: StatementSync;
  readonly #known: StatementSync;
  readonly #incident: StatementSync;
  readonly #lastPosting: StatementSync;
  readonly #sums: BatchSums;
  #posting = 0;

  constructor(database: DatabaseSync) {
    this.#sums = new BatchSums(database);
    this.#receipt = database.prepare(
      `INSERT INTO receipts VALUES (NULL, ${Array(17).fill('?').join(', ')}) ON CONFLICT (id) DO NOTHING`,
    );
    this.#known = database.prepare('SELECT body FROM receipts WHERE id = ?');
    this.#lastPosting = database.prepare('SELECT posting FROM receipts ORDER BY row DESC LIMIT 1');
    this.#incident = database.prepare(
      `INSERT INTO incidents (kind, subject, position, reason, content) VALUES ('conflict', ?, 0, ?, ?)
       ON CONFLICT DO NOTHING`,
    );
  }

  begin(): void {
    this.#sums.discard();
    this.#posting = Number(this.#lastPosting.get()?.['posting'] ?? 0) + 1;
  }

  /**
   * Posts one receipt; `body` is the receipt as it was journalled. One that is on the books already changes nothing; one
   * that contradicts it is kept as an incident. @throws RangeError for figures that no book can hold, TypeError, SQLite's
   * errors; nothing of it is posted then.
   */
  post(receipt: Receipt, body: string, booked: readonly ReservedAmount[]): boolean {
    const day = Math.floor(receipt.admittedAtMs / dayMs);
    const { key, project, team } = receipt.subjects;
    const { id, route, outcome } = receipt;
    const last = receipt.attempts.at(-1);
    const model = last?.model ?? receipt.requestedModel ?? '';
    const provider = last?.provider ?? '';
    const sums = receipt.attempts.map(sumOf);
    const { changes } = this.#receipt.run(
      id,
      this.#posting,
      day,
      receipt.admittedAtMs,
      receipt.settledAtMs,
      route,
      outcome,
      receipt.status,
      key,
      project,
      team,
      model,
      provider,
      sums.length,
      sums.reduce((sum, one) => sum + one.tokens.input + one.tokens.output, 0),
      sums.reduce((sum, one) => sum + one.costNano, 0n),
      body,
    );
    if (changes === 0) {
      this.#noteConflict(id, body);
      return false;
    }
    for (let i = 0; i < sums.length; i += 1) {
      const attempt = receipt.attempts[i]!;
      const { currency } = attempt;
      const of = {
        day,
        key,
        project,
        team,
        model: attempt.model,
        provider: attempt.provider,
        route,
        outcome,
        currency,
      };
      this.#sums.count(of, { requests: attempt === last ? 1 : 0, attempts: 1, ...sums[i]! });
    }
    if (!last) {
      const of = { day, key, project, team, model, provider, route, outcome, currency: '' };
      this.#sums.count(of, { requests: 1, attempts: 0, tokens: noTokens, costNano: 0n });
    }
    for (const amount of booked) this.#sums.book(amount, receipt.admittedAtMs);
    return true;
  }

  /** Moves what the receipts since `begin`, or the last `flush`, sum up to. @throws SQLite's errors. */
  flush(): void {
    this.#sums.flush(this.#posting);
  }

  discard(): void {
    this.#sums.discard();
  }

  #noteConflict(id: string, body: string): void {
    if (this.#known.get(id)?.['body'] === body) return;
    this.#incident.run(id, 'a second receipt with this id says something else', body);
  }
}

function check(count: number, costNano: bigint): void {
  if (!Number.isSafeInteger(count) || count < 0) {
    throw new RangeError(`expected a count from 0 to 2^53 - 1, got ${count}`);
  }
  if (costNano < 0n) throw new RangeError(`expected a cost of 0 or more, got ${costNano}`);
}

/** @throws RangeError for a count or a cost that cannot be. */
function sumOf(attempt: AttemptLine): AttemptSum {
  const { lines, units } = attempt;
  for (const { line, costNano } of lines) check(line.count, costNano);
  if (units) for (const { count, costNano } of units) check(count, costNano);
  const costNano = totalCost(attempt);
  if (costNano > mostNano) throw new RangeError(`expected a cost below 2^63 nano-units, got ${costNano}`);
  return { tokens: totalsOf(lines.map((priced) => priced.line)), costNano };
}
