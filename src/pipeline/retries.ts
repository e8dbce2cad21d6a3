import type { Lease, TargetPool } from '#core/contracts/target-pool.ts';
import type { RetryRules } from '#core/retry-rules.ts';
import { neutralResult } from './attempt-result.ts';
import type { Gateway } from './gateway.ts';
import type { RetryBudget } from './retry-budget.ts';
import { covers, deadlineMs, drawsOnBudget, mayRetry, retryDelayMs, type Failure } from './retry-plan.ts';

export interface NextTry<T> {
  readonly lease: Lease<T>;
  readonly waitMs: number;
}

export interface RetriesParts<T> {
  readonly pool: TargetPool<T>;
  readonly rules: RetryRules;
  readonly method: string;
  readonly affinity: string | null;
  readonly sticky: string | null;
  /** Ids of members that are never tried; then each other is tried once. */
  readonly not?: readonly string[];
  /** See PoolWish. */
  readonly costOf?: ((target: T) => number) | undefined;
}

/** Whom one exchange tries, and whether once more: the rules, the pool and the budget brought together. */
export class Retries<T> {
  readonly #parts: RetriesParts<T>;
  readonly #gateway: Gateway;
  readonly #budget: RetryBudget | null;
  readonly #startedMs: number;
  readonly #tried: string[] = [];
  /** Taken, and not tried after all. */
  #passedBy = 0;
  /** Those that failed in a way that trying again does not mend. */
  readonly #hopeless = new Set<string>();

  constructor(parts: RetriesParts<T>, gateway: Gateway) {
    this.#parts = parts;
    this.#gateway = gateway;
    this.#startedMs = gateway.clock.monotonicMs();
    this.#budget = gateway.retries.budgetOf(parts.pool.name, parts.rules);
    this.#budget?.request(this.#startedMs);
  }

  get rules(): RetryRules {
    return this.#parts.rules;
  }

  get pool(): TargetPool<T> {
    return this.#parts.pool;
  }

  get made(): number {
    return this.#tried.length - this.#passedBy;
  }

  /** Until the head of the attempt that begins now; 0 is unlimited. */
  get deadlineMs(): number {
    return deadlineMs(this.#parts.rules, this.#elapsedMs);
  }

  first(): Lease<T> | null {
    return this.#take(this.#parts.rules.again);
  }

  /** After a failure: whom to try next, and when. Null: nobody. The lease is the caller's to end. */
  after(failure: Failure | null, failed: Lease<T>): NextTry<T> | null {
    const { rules, method } = this.#parts;
    const standing = { method, made: this.made, elapsedMs: this.#elapsedMs };
    if (!failure || !mayRetry(rules, failure, standing)) return null;
    if (!covers(rules, failure.kind)) this.#hopeless.add(failed.member.id);
    const before = [...this.#tried];
    const lease = this.#take(rules.again && covers(rules, failure.kind));
    if (!lease) return null;
    const repeat = before.includes(lease.member.id);
    const same = lease.member.id === failed.member.id;
    const chance = this.#gateway.retries.chance();
    const waitMs = retryDelayMs(rules, failure, standing, { same, repeat, chance });
    const hopeful = !this.#hopeless.has(lease.member.id);
    if (hopeful && waitMs !== null && (!drawsOnBudget(rules, failure, repeat) || this.#withdraw()))
      return { lease, waitMs };
    lease.end(neutralResult);
    return null;
  }

  /** In place of one that was taken and may not be tried: it is no attempt. */
  instead(of: Lease<T>): Lease<T> | null {
    this.#passedBy++;
    of.end(neutralResult);
    return this.#take(false);
  }

  /** That one and no other, where it was passed by before. */
  only(id: string): Lease<T> | null {
    const { pool, affinity, sticky, costOf } = this.#parts;
    const tried = pool.members.flatMap((member) => (member.id === id ? [] : [member.id]));
    const nowMs = this.#gateway.clock.nowMs();
    this.#passedBy--;
    return pool.take({ affinity, sticky, costOf, tried, again: false, nowMs });
  }

  /** Another target, to be tried beside the one that is slow. */
  beside(): Lease<T> | null {
    if (this.made >= this.#parts.rules.attempts) return null;
    const lease = this.#take(false);
    if (lease && this.#withdraw()) return lease;
    lease?.end(neutralResult);
    return null;
  }

  #take(again: boolean): Lease<T> | null {
    const { pool, affinity, sticky, costOf, not } = this.#parts;
    const nowMs = this.#gateway.clock.nowMs();
    const tried = not?.length ? [...not, ...this.#tried] : this.#tried;
    const lease = pool.take({ affinity, sticky, costOf, tried, again: again && !not?.length, nowMs });
    if (lease) this.#tried.push(lease.member.id);
    return lease;
  }

  #withdraw(): boolean {
    return this.#budget === null || this.#budget.withdraw(this.#gateway.clock.monotonicMs());
  }

  get #elapsedMs(): number {
    return this.#gateway.clock.monotonicMs() - this.#startedMs;
  }
}
