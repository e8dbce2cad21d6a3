import { bookedAs } from '#core/booked-window.ts';
import type { CounterStore, Reservation } from '#core/contracts/counter-store.ts';
import type { ReservedAmount } from '#core/contracts/journal.ts';
import type { AttemptLine, Overdraft } from '#core/receipt.ts';
import { totalCost, totalPrice } from '#core/price.ts';
import { totalsOf, type TokenTotals, type UsageLine } from '#core/usage.ts';
import type { Asked } from './gather.ts';
import { toUnits, unitsOf } from './units.ts';

/** What attempts used, all together. */
export interface Used {
  readonly tokens: TokenTotals;
  /** What the provider is paid, and what the customer pays. */
  costNano(currency: string): bigint;
  priceNano(currency: string): bigint;
}

export function usedBy(attempts: readonly AttemptLine[]): Used {
  return {
    tokens: totalsOf(linesOf(attempts)),
    costNano(currency) {
      let sum = 0n;
      for (const attempt of attempts) if (attempt.currency === currency) sum += totalCost(attempt);
      return sum;
    },
    priceNano(currency) {
      let sum = 0n;
      for (const attempt of attempts)
        if ((attempt.charge ?? attempt).currency === currency) sum += totalPrice(attempt);
      return sum;
    },
  };
}

function linesOf(attempts: readonly AttemptLine[]): UsageLine[] {
  const lines: UsageLine[] = [];
  for (const attempt of attempts) for (const { line } of attempt.lines) lines.push(line);
  return lines;
}

/** What one reservation holds of the limits a call is under, from its admission to its settlement. */
export class Hold {
  readonly reservation: Reservation;
  /** Is it of the attempts at one target, rather than of the whole exchange? */
  readonly isTargets: boolean;
  /** Attempts that were made before it. */
  readonly attemptsBefore: number;
  readonly asked: readonly Asked[];
  readonly #store: CounterStore;
  /** Units booked so far, item by item. */
  readonly #booked: number[];
  #steps = 0;
  /** Steps are made one after the other. */
  #last: Promise<unknown> | null = null;
  #isSettled = false;
  #settled: ReservedAmount[] | null = null;
  #overdraft: Overdraft[] = [];

  constructor(store: CounterStore, of: Pick<Hold, 'asked' | 'reservation' | 'isTargets' | 'attemptsBefore'>) {
    this.#store = store;
    this.asked = of.asked;
    this.reservation = of.reservation;
    this.isTargets = of.isTargets;
    this.attemptsBefore = of.attemptsBefore;
    this.#booked = [...of.reservation.granted];
  }

  /** As it is put on record: what was booked, or is by now known to have been used. */
  get onRecord(): ReservedAmount[] {
    return this.#settled ?? this.#render(this.#booked);
  }

  /** Tokens that were reserved at first; null where a call's tokens are not limited. */
  get tokensReserved(): number | null {
    const at = this.asked.findIndex(({ wish }) => wish.sort === 'tokens' && wish.inFlight === 'debit');
    return at < 0 ? null : this.reservation.granted[at]!;
  }

  /** Does more stand booked than was reserved at first? */
  get hasGrown(): boolean {
    return this.#steps > 0;
  }

  /** What was used beyond what hard budgets had paid for; known once it is settled. */
  get overdraft(): readonly Overdraft[] {
    return this.#overdraft;
  }

  booked(n: number): number {
    return this.#booked[n]!;
  }

  /** The answer stands at so many tokens: what exceeds the expectation is booked, so that others see what is left. */
  flow(tokens: { readonly input: number; readonly output: number }): void {
    let isMore = false;
    const more = this.asked.map(({ wish, prices }, i) => {
      if (wish.inFlight !== 'debit') return 0;
      const excess = Math.max(0, unitsOf(wish.sort, tokens, prices) - this.#booked[i]!);
      if (excess > 0) isMore = true;
      return excess;
    });
    if (!isMore) return;
    more.forEach((units, i) => (this.#booked[i]! += units));
    this.#inOrder((step) => this.#store.debit(this.reservation, step, more));
  }

  /** Books more, as far as there is any. Never throws: a store that cannot be reached gives nothing. */
  extend(amounts: readonly number[]): void | Promise<void> {
    const add = (booked: readonly number[]): void =>
      booked.forEach((units, i) => {
        this.#booked[i]! += units;
      });
    return this.#inOrder((step) => {
      const pending = this.#store.extend(this.reservation, step, amounts);
      return pending instanceof Promise ? pending.then(add) : add(pending);
    });
  }

  /**
   * Replaces what is booked by what was used. A second call changes nothing.
   * @param used Null for a call that was not made.
   */
  settle(used: Used | null): void | Promise<void> {
    if (this.#isSettled) return;
    this.#isSettled = true;
    // What is under way may book more, which then is no overdraft.
    return this.#last ? this.#last.then(() => this.#settle(used)) : this.#settle(used);
  }

  #settle(used: Used | null): void | Promise<void> {
    const amounts = this.asked.map(({ wish, item }) => {
      if (used === null || wish.sort === 'concurrency') return 0;
      if (wish.sort === 'cost') return item.amount;
      if (wish.sort === 'money')
        return toUnits(used[this.isTargets ? 'costNano' : 'priceNano'](wish.currency!));
      return unitsOf(wish.sort, used.tokens, []);
    });
    this.#settled = this.#render(amounts);
    this.asked.forEach(({ wish: { inFlight, name, currency } }, i) => {
      const amount = amounts[i]! - this.#booked[i]!;
      if (inFlight !== 'hard' || amount <= 0) return;
      this.#overdraft.push({ limit: name.slice(1, -1), amount, ...(currency ? { currency } : {}) });
    });
    return this.#store.settle(this.reservation, amounts);
  }

  #inOrder(make: (step: number) => void | Promise<void>): void | Promise<void> {
    const run = (): void | Promise<void> => {
      try {
        const pending = make(++this.#steps);
        return pending instanceof Promise ? pending.catch(() => undefined) : undefined;
      } catch {
        // A store that cannot be reached now is told the whole at the settlement.
      }
    };
    const pending = this.#last ? this.#last.then(run) : run();
    if (!pending) return;
    const last = pending.finally(() => {
      if (this.#last === last) this.#last = null;
    });
    this.#last = last;
    return last;
  }

  #render(amounts: readonly number[]): ReservedAmount[] {
    const booked: ReservedAmount[] = [];
    for (let i = 0; i < amounts.length; i++) {
      if (amounts[i] === 0) continue;
      const one = bookedAs(this.asked[i]!.wish, amounts[i]!, this.reservation.admittedAtMs);
      if (one) booked.push(one);
    }
    return booked;
  }
}
