import type { HashBy, StickySettings } from '../pool-settings.ts';

/**
 * Targets that can stand in for one another, and what is known of each: which is to be tried now? The same for the
 * upstreams of an http route and for the models behind a name.
 */
export interface TargetPool<T> {
  readonly name: string;
  /** As they stand now: discovery may change them. */
  readonly members: readonly PoolMember<T>[];
  /** What its choices go by, so that the rest need not be found out: `PoolWish.costOf`, `AttemptResult.quota`. */
  readonly goesBy: 'cost' | 'quota' | null;
  /** What `PoolWish.affinity` is to be made of; null: nothing asks for it. */
  readonly hashBy: HashBy | null;
  /** The cookie by which clients come back to their member; null: none. */
  readonly sticky: StickySettings | null;
  /** Word for a member in that cookie; tells nothing of its address. */
  stickyWord(member: PoolMember<T>): string;
  /**
   * Takes out the next member to try: it counts as in flight until its lease ends. A member is taken twice for one
   * exchange only when `wish.again` allows it and no other is left. Null when none may be tried.
   */
  take(wish: PoolWish<T>): Lease<T> | null;
  /** Other members, from now on: all of them. What is under way ends on its own member; those that stay keep their state. */
  update(members: readonly PoolMember<T>[]): void;
}

export interface PoolMember<T> {
  /** Stable over reloads; health is kept under it. `https://a.example.com:8443`, `openai/gpt-5`. */
  readonly id: string;
  readonly target: T;
  /** Share of traffic among members of the same priority; 0 takes none. */
  readonly weight: number;
  /** Members of a lower number come first; the next ones take over as those fail. */
  readonly priority: number;
}

export interface PoolWish<T = unknown> {
  /** What consistent hashing goes by; null where nothing is known. */
  readonly affinity: string | null;
  /** Word of the member that the client asks for (`stickyWord`); followed while that member is in service. */
  readonly sticky: string | null;
  /** What the exchange is expected to cost at a target, in any unit; absent, or Infinity: not known. */
  readonly costOf?: ((target: T) => number) | undefined;
  /** Ids of members that this exchange has tried, in order. */
  readonly tried: readonly string[];
  /** May a member be tried a second time when there is no other? */
  readonly again: boolean;
  readonly nowMs: number;
}

/** One attempt at one member. Exactly one `end` follows a `take`. */
export interface Lease<T> {
  readonly member: PoolMember<T>;
  /** Is there nobody else to try after this one? */
  readonly isLast: boolean;
  end(result: AttemptResult): void;
}

export interface AttemptResult {
  /** `neutral` says nothing of the target: the client hung up, or was itself to blame. */
  readonly verdict: 'success' | 'failure' | 'neutral';
  /** From the start of the attempt to the head of the answer, or to the first content of a stream; null when none came. */
  readonly firstMs: number | null;
  readonly totalMs: number;
  /** Output of a model in tokens; null where it is not known. */
  readonly outputTokens: number | null;
  /** How long the target asks to be left alone (Retry-After); null when it does not. */
  readonly retryAfterMs: number | null;
  /** How much is left of the tightest limit that the target reported; absent: it said nothing. */
  readonly quota?: QuotaStand | null;
}

export interface QuotaStand {
  /** From 0, nothing, to 1, all. */
  readonly left: number;
  /** Until it is whole again. */
  readonly resetMs: number;
}
