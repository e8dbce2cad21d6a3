import type { PoolMember } from '#core/contracts/target-pool.ts';
import type { MemberCell } from './memory.ts';

/** A member as one pool of one thread sees it. */
export interface Seat<T> {
  readonly member: PoolMember<T>;
  readonly cell: MemberCell;
  /** Its place in the pool's list. */
  readonly index: number;
  /** What smooth round robin owes it. */
  owed: number;
  /** Its breaker is not closed: a probe's place is to be taken first. */
  probing: boolean;
  /** Of its breaker, when the view was made. */
  round: number;
}
