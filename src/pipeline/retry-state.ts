import type { RetryRules } from '#core/retry-rules.ts';
import { HeadLatency } from './head-latency.ts';
import { RetryBudget } from './retry-budget.ts';

/** What a thread remembers of a group of targets from one exchange to the next. Outlives a reload. */
export class RetryState {
  readonly #budgets = new Map<string, RetryBudget>();
  readonly #latencies = new Map<string, HeadLatency>();
  /** From 0 up to, and without, 1. */
  readonly chance: () => number;

  constructor(chance: () => number = Math.random) {
    this.chance = chance;
  }

  /** One budget for all routes that lead to the group under the same rules: it is the group that is to be spared. */
  budgetOf(group: string, { budget }: RetryRules): RetryBudget | null {
    if (budget === null) return null;
    const key = `${budget.ratio}/${budget.minPerSecond}/${group}`;
    let known = this.#budgets.get(key);
    if (!known) this.#budgets.set(key, (known = new RetryBudget(budget)));
    return known;
  }

  latencyOf(group: string): HeadLatency {
    let known = this.#latencies.get(group);
    if (!known) this.#latencies.set(group, (known = new HeadLatency()));
    return known;
  }
}
