import type { ReservedAmount } from '#core/contracts/journal.ts';
import type { TokenTotals } from '#core/usage.ts';
import type { Count, CounterKey } from './receipt-entry.ts';

/** One row of a sum, with what is to be added to it; below zero where a receipt was corrected. */
export interface CounterSum {
  readonly of: CounterKey;
  requests: number;
  attempts: number;
  errors: number;
  readonly tokens: TokenTotals;
  costNano: bigint;
  priceNano: bigint;
}

/** An amount in a window of a limit. */
export interface PaneSum {
  readonly subject: string;
  readonly windowMs: number;
  readonly pane: number;
  /** Of the latest amount. */
  atMs: number;
  amount: number;
}

/** One entry of a posting: positive is a debit, negative a credit. */
export interface Movement {
  readonly of: CounterKey;
  readonly account: string;
  amount: bigint;
}

/** A batch's sums, for each row that it touches. */
export interface BatchTotals {
  readonly counters: readonly CounterSum[];
  readonly byTeam: readonly CounterSum[];
  readonly byService: readonly CounterSum[];
  readonly movements: readonly Movement[];
  readonly panes: readonly PaneSum[];
}

/** No window is kept in more than 60 panes: one of them is only partly inside it. */
const panesInWindow = 59;

/** What a batch of receipts moves, gathered in memory and written once for each row it touches. */
export class BatchSums {
  #counters = new Map<string, CounterSum>();
  #panes = new Map<string, PaneSum>();

  /** @param sign -1 takes away what was counted before. */
  count({ of, requests, attempts, errors, tokens, costNano, priceNano }: Count, sign: 1 | -1 = 1): void {
    const sum = sumIn(this.#counters, of);
    sum.requests += sign * requests;
    sum.attempts += sign * attempts;
    sum.errors += sign * errors;
    sum.tokens.input += sign * tokens.input;
    sum.tokens.output += sign * tokens.output;
    sum.tokens.cacheRead += sign * tokens.cacheRead;
    sum.tokens.cacheWrite += sign * tokens.cacheWrite;
    sum.tokens.reasoning += sign * tokens.reasoning;
    sum.costNano += sign < 0 ? -costNano : costNano;
    sum.priceNano += sign < 0 ? -priceNano : priceNano;
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

  /** What was gathered, in the order of its rows' keys; gathering begins anew. */
  take(): BatchTotals {
    const all = [...this.#counters.values()];
    const panes = [...this.#panes.values()];
    this.#counters = new Map();
    this.#panes = new Map();
    return {
      counters: fold(all, { service: '' }),
      byTeam: fold(all, { service: '', key: '', route: '', outcome: '' }),
      byService: fold(
        all.filter(({ of }) => of.service !== ''),
        { key: '', route: '', outcome: '' },
      ),
      movements: movementsOf(all),
      panes,
    };
  }
}

function sumIn(sums: Map<string, CounterSum>, of: CounterKey): CounterSum {
  const name = `${of.day}\0${of.key}\0${of.project}\0${of.team}\0${of.service}\0${of.model}\0${of.provider}\0${of.route}\0${of.outcome}\0${of.currency}`;
  let sum = sums.get(name);
  if (!sum) {
    const tokens = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0 };
    sum = { of, requests: 0, attempts: 0, errors: 0, tokens, costNano: 0n, priceNano: 0n };
    sums.set(name, sum);
  }
  return sum;
}

/** Sums without the dimensions that `without` empties. */
function fold(counters: readonly CounterSum[], without: Partial<CounterKey>): CounterSum[] {
  const folded = new Map<string, CounterSum>();
  for (const counter of counters) {
    const of = { ...counter.of, ...without };
    const sum = sumIn(folded, of);
    sum.requests += counter.requests;
    sum.attempts += counter.attempts;
    sum.errors += counter.errors;
    sum.tokens.input += counter.tokens.input;
    sum.tokens.output += counter.tokens.output;
    sum.tokens.cacheRead += counter.tokens.cacheRead;
    sum.tokens.cacheWrite += counter.tokens.cacheWrite;
    sum.tokens.reasoning += counter.tokens.reasoning;
    sum.costNano += counter.costNano;
    sum.priceNano += counter.priceNano;
  }
  return [...folded.values()];
}

/** What the project owes, what the provider is owed, and the difference: in each currency they sum to zero. */
function movementsOf(counters: readonly CounterSum[]): Movement[] {
  const movements = new Map<string, Movement>();
  const move = (of: CounterKey, account: string, amount: bigint): void => {
    const name = `${account}\0${of.currency}\0${of.day}\0${of.key}\0${of.team}\0${of.model}`;
    const movement = movements.get(name);
    if (movement) movement.amount += amount;
    else movements.set(name, { of, account, amount });
  };
  for (const { of, costNano, priceNano } of counters) {
    if (priceNano !== 0n) move(of, `project:${of.project}`, priceNano);
    if (costNano !== 0n) move(of, `provider:${of.provider}`, -costNano);
    if (priceNano !== costNano) move(of, 'margin', costNano - priceNano);
  }
  return [...movements.values()].filter(({ amount }) => amount !== 0n);
}

/** Width of the panes in which a window's amounts are gathered. */
export function paneMs(windowMs: number): number {
  return Math.max(1, Math.ceil(windowMs / panesInWindow));
}
