import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { ReservedAmount } from '#core/contracts/journal.ts';
import type { AttemptLine, Receipt } from '#core/receipt.ts';
import { totalsOf, type TokenTotals } from '#core/usage.ts';
import { renderReceipt } from '../journal/record.ts';

export const dayMs = 86_400_000;
/** No window is kept in more than 60 panes: one of them is only partly inside it. */
const panesInWindow = 59;

const noTokens: TokenTotals = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0 };

interface Counted {
  readonly model: string;
  readonly provider: string;
  readonly currency: string;
  readonly requests: number;
  readonly attempts: number;
  readonly tokens: TokenTotals;
  readonly costNano: bigint;
}

/** Puts receipts on the books: receipt, attempts, lines, movements, counters and windows move together or not at all. */
export class ReceiptPoster {
  readonly #receipt: StatementSync;
  readonly #known: StatementSync;
  readonly #attempt: StatementSync;
  readonly #line: StatementSync;
  readonly #movement: StatementSync;
  readonly #counter: StatementSync;
  readonly #booked: StatementSync;
  readonly #settled: StatementSync;
  readonly #incident: StatementSync;

  constructor(database: DatabaseSync) {
    const insert = (table: string, columns: number, rest = ''): StatementSync =>
      database.prepare(`INSERT INTO ${table} VALUES (${Array(columns).fill('?').join(', ')}) ${rest}`);
    this.#receipt = insert('receipts', 14, 'ON CONFLICT (id) DO NOTHING');
    this.#known = database.prepare('SELECT body FROM receipts WHERE id = ?');
    this.#attempt = insert('attempts', 12);
    this.#line = insert('usage_lines', 10);
    this.#movement = insert('movements', 9);
    this.#counter = insert(
      'counters',
      17,
      `ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, attempts = attempts + excluded.attempts,
       input = input + excluded.input, output = output + excluded.output,
       cache_read = cache_read + excluded.cache_read, cache_write = cache_write + excluded.cache_write,
       reasoning = reasoning + excluded.reasoning, cost_nano = cost_nano + excluded.cost_nano`,
    );
    this.#booked = insert(
      'booked',
      5,
      'ON CONFLICT DO UPDATE SET at_ms = MAX(at_ms, excluded.at_ms), amount = amount + excluded.amount',
    );
    this.#settled = database.prepare('DELETE FROM open_attempts WHERE exchange = ? AND attempt = ?');
    this.#incident = database.prepare(
      `INSERT INTO incidents (kind, subject, position, reason, content) VALUES ('conflict', ?, 0, ?, ?)
       ON CONFLICT DO NOTHING`,
    );
  }

  /**
   * Posts one receipt inside the caller's transaction. A receipt that is on the books already changes nothing; one that
   * contradicts it is kept as an incident. @throws SQLite's errors.
   */
  post(receipt: Receipt, booked: readonly ReservedAmount[]): boolean {
    const body = renderReceipt(receipt);
    const day = Math.floor(receipt.admittedAtMs / dayMs);
    const { key, project, team } = receipt.subjects;
    const last = receipt.attempts.at(-1);
    const model = last?.model ?? receipt.requestedModel ?? '';
    const provider = last?.provider ?? '';
    const { changes } = this.#receipt.run(
      receipt.id,
      day,
      receipt.admittedAtMs,
      receipt.settledAtMs,
      receipt.route,
      receipt.outcome,
      receipt.status,
      key,
      project,
      team,
      model,
      provider,
      receipt.attempts.length,
      body,
    );
    if (Number(changes) === 0) {
      this.#noteConflict(receipt.id, body);
      return false;
    }
    for (const attempt of receipt.attempts) this.#postAttempt(receipt, day, attempt);
    if (!last) this.#count(receipt, day, unattempted(model));
    for (const amount of booked) this.#book(amount, receipt.admittedAtMs);
    return true;
  }

  #postAttempt(receipt: Receipt, day: number, attempt: AttemptLine): void {
    const tokens = totalsOf(attempt.lines.map((priced) => priced.line));
    const costNano = attempt.lines.reduce((sum, priced) => sum + priced.costNano, 0n);
    const { id, subjects } = receipt;
    this.#attempt.run(
      id,
      attempt.number,
      attempt.provider,
      attempt.model,
      attempt.status,
      attempt.fault,
      attempt.usageSource,
      attempt.priceVersion,
      attempt.currency,
      tokens.input,
      tokens.output,
      costNano,
    );
    attempt.lines.forEach(({ line, costNano: cost }, index) => {
      const { direction, modality, cache, kind } = line;
      this.#line.run(
        id,
        attempt.number,
        index,
        direction,
        modality,
        cache,
        kind,
        line.model ?? null,
        line.count,
        cost,
      );
    });
    if (costNano !== 0n) {
      const move = (account: string, amount: bigint): unknown =>
        this.#movement.run(
          id,
          attempt.number,
          account,
          attempt.currency,
          amount,
          day,
          subjects.key,
          subjects.team,
          attempt.model,
        );
      move(`project:${subjects.project}`, costNano);
      move(`provider:${attempt.provider}`, -costNano);
    }
    const requests = attempt === receipt.attempts.at(-1) ? 1 : 0;
    const { model, provider, currency } = attempt;
    this.#count(receipt, day, { model, provider, currency, requests, attempts: 1, tokens, costNano });
    this.#settled.run(id, attempt.number);
  }

  #count(receipt: Receipt, day: number, counted: Counted): void {
    const { key, project, team } = receipt.subjects;
    const { tokens } = counted;
    this.#counter.run(
      day,
      key,
      project,
      team,
      counted.model,
      counted.provider,
      receipt.route,
      receipt.outcome,
      counted.currency,
      counted.requests,
      counted.attempts,
      tokens.input,
      tokens.output,
      tokens.cacheRead,
      tokens.cacheWrite,
      tokens.reasoning,
      counted.costNano,
    );
  }

  #book(booked: ReservedAmount, atMs: number): void {
    const pane = Math.floor(atMs / paneMs(booked.windowMs));
    this.#booked.run(booked.subject, booked.windowMs, pane, atMs, booked.amount);
  }

  #noteConflict(id: string, body: string): void {
    if (this.#known.get(id)?.['body'] === body) return;
    this.#incident.run(id, 'a second receipt with this id says something else', body);
  }
}

/** Width of the panes in which a window's amounts are gathered. */
export function paneMs(windowMs: number): number {
  return Math.max(1, Math.ceil(windowMs / panesInWindow));
}

const unattempted = (model: string): Counted => ({
  model,
  provider: '',
  currency: '',
  requests: 1,
  attempts: 0,
  tokens: noTokens,
  costNano: 0n,
});
