/**
 * The control plane's side of what threads share about members of pools. Groups are named as in the snapshot: a group of
 * upstreams by its own name, the list of a route `route/NAME`, a model's targets `model/NAME`.
 */
export interface PoolControl {
  /**
   * Who the members of a group are, from now on: all of them. Each new one gets a place in the shared memory; one that was
   * there keeps its own, and so all that is known of it. Call it before threads are told of the members. Places of those
   * that have left are used again once no thread holds a lease on them, a minute later at the earliest.
   */
  setMembers(group: string, ids: readonly string[]): void;
  /** Forgets groups that are not among these. */
  keepGroups(groups: ReadonlySet<string>): void;
  /** What an active check has found. In force on all threads at once. False when there is no such member. */
  setActiveHealth(group: string, id: string, verdict: ActiveVerdict): boolean;
  /** By the operator: a drained member gets nothing new, whatever its health. False when there is no such member. */
  setDrained(group: string, id: string, drained: boolean): boolean;
  /** After a worker has ended: what it held in flight is taken back, and its locks. */
  recover(worker: number): void;
  /** All groups, as they stand now. */
  read(): readonly PoolReport[];
}

/** `unknown` until there is a first result; such a member takes part. */
export type ActiveVerdict = 'healthy' | 'unhealthy' | 'unknown';

export interface PoolReport {
  readonly group: string;
  readonly members: readonly MemberReport[];
}

export interface MemberReport {
  readonly id: string;
  /** What stands against it, the gravest first; `up`: nothing. */
  readonly state: 'up' | 'drained' | 'open' | 'half-open' | 'unhealthy' | 'ejected' | 'cooling';
  readonly active: ActiveVerdict;
  readonly drained: boolean;
  readonly breaker: 'closed' | 'open' | 'half-open';
  readonly inFlight: number;
  /** Peak-sensitive mean of the time to the head, or to the first content; null: nothing known. */
  readonly ewmaMs: number | null;
  /** Mean of a model's output while it is given; null: nothing known. */
  readonly tokensPerSecond: number | null;
  /** Of the limits that the target reports: from 0 to 1; null: nothing known. */
  readonly quotaLeft: number | null;
  /** Time left of an ejection, a cool-down, an open breaker; 0: none. */
  readonly outForMs: number;
  readonly successes: number;
  readonly failures: number;
  readonly ejections: number;
  readonly breakerOpens: number;
}
