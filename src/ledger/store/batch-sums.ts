import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { ReservedAmount } from '#core/contracts/journal.ts';
import type { TokenTotals } from '#core/usage.ts';

/** What a counter is kept for. */
export interface CounterKey {
  readonly day: number;
  readonly key: string;
  readonly project: string;
  readonly team: string;
  readonly model: string;
  readonly provider: string;
  readonly route: string;
  readonly outcome: string;
  readonly currency: string;
}

interface CounterSum {
  readonly of: CounterKey;
  requests: number;
  attempts: number;
  readonly tokens: TokenTotals;
  costNano: bigint;
}

interface PaneSum {
  readonly subject: string;
  readonly windowMs: number;
  readonly pane: number;
  atMs: number;
  amount: number;
}

interface Movement {
  readonly of: CounterKey;
  readonly account: string;
  amount: bigint;
}

/** No window is kept in more than 60 panes: one of them is only partly inside it. */
const panesInWindow = 59;

/**
 * What a batch of receipts moves, gathered in memory and written once for each row it touches: counters, the windows of
 * limits, and one posting of movements.
 */
export class BatchSums {
  #counters = new Map<string, CounterSum>();
  #panes = new Map<string, PaneSum>();
  readonly #counter: StatementSync;
  readonly #booked: StatementSync;
  readonly #movement: StatementSync;

  constructor(database: DatabaseSync) {
    const insert = (table: string, columns: number, rest = ''): StatementSync =>
      database.prepare(`INSERT INTO ${table} VALUES (${Array(columns).fill('?').join(', ')}) ${rest}`);
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
    this.#movement = insert('movements', 8);
  }

  count(
    of: CounterKey,
    used: { requests: number; attempts: number; tokens: TokenTotals; costNano: bigint },
  ): void {
    const name = `${of.day}\0${of.key}\0${of.project}\0${of.team}\0${of.model}\0${of.provider}\0${of.route}\0${of.outcome}\0${of.currency}`;
    const sum = this.#counters.get(name);
    if (!sum) {
      this.#counters.set(name, { of, ...used, tokens: { ...used.tokens } });
      return;
    }
    sum.requests += used.requests;
    sum.attempts += used.attempts;
    sum.tokens.input += used.tokens.input;
    sum.tokens.output += used.tokens.output;
    sum.tokens.cacheRead += used.tokens.cacheRead;
    sum.tokens.cacheWrite += used.tokens.cacheWrite;
    sum.tokens.reasoning += used.tokens.reasoning;
    sum.costNano += used.costNano;
  }

  book({ subject, windowMs, amount }: ReservedAmount, atMs: number): void {
    const pane = Math.floor(atMs / paneMs(windowMs));
    const name = `${windowMs}\0${pane}\0${subject}`;
    const sum = this.#panes.get(name);
    if (!sum) {
      this.#panes.set(name, { subject, windowMs, pane, atMs, amount });
      return;
    }
    sum.amount += amount;
    if (atMs > sum.atMs) sum.atMs = atMs;
  }

  /** Writes what was gathered and begins anew. @throws SQLite's errors; what was gathered is gone then, too. */
  flush(posting: number): void {
    const counters = [...this.#counters.values()];
    const panes = [...this.#panes.values()];
    this.discard();
    for (const { of, requests, attempts, tokens, costNano } of counters) {
      const { day, key, project, team, model, provider, route, outcome, currency } = of;
      const { input, output, cacheRead, cacheWrite, reasoning } = tokens;
      this.#counter.run(
        ...([day, key, project, team, model, provider, route, outcome, currency] as const),
        ...([requests, attempts, input, output, cacheRead, cacheWrite, reasoning, costNano] as const),
      );
    }
    for (const { of, account, amount } of movementsOf(counters)) {
      this.#movement.run(posting, account, of.currency, amount, of.day, of.key, of.team, of.model);
    }
    for (const { subject, windowMs, pane, atMs, amount } of panes) {
      this.#booked.run(subject, windowMs, pane, atMs, amount);
    }
  }

  /** Forgets what was gathered: its transaction was rolled back. */
  discard(): void {
    this.#counters = new Map();
    this.#panes = new Map();
  }
}

/** Each cost twice: on the project that owes it, and on the provider to whom it is owed. */
function movementsOf(counters: readonly CounterSum[]): Iterable<Movement> {
  const movements = new Map<string, Movement>();
  const move = (of: CounterKey, account: string, amount: bigint): void => {
    const name = `${account}\0${of.currency}\0${of.day}\0${of.key}\0${of.team}\0${of.model}`;
    const movement = movements.get(name);
    if (movement) movement.amount += amount;
    else movements.set(name, { of, account, amount });
  };
  for (const { of, costNano } of counters) {
    if (costNano === 0n) continue;
    move(of, `project:${of.project}`, costNano);
    move(of, `provider:${of.provider}`, -costNano);
  }
  return movements.values();
}

/** Width of the panes in which a window's amounts are gathered. */
export function paneMs(windowMs: number): number {
  return Math.max(1, Math.ceil(windowMs / panesInWindow));
}
