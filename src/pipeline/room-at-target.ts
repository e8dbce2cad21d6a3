import type { Soon } from '#core/contracts/counter-store.ts';
import type { Lease } from '#core/contracts/target-pool.ts';
import { Fault } from '#core/fault.ts';
import type { Target } from '#core/target.ts';
import { neutralResult } from './attempt-result.ts';
import { reserveTarget } from './limits/reserve.ts';
import type { Passage } from './passage.ts';
import type { Refusal } from './queue/lines.ts';
import { waitInLine } from './queue/wait-in-line.ts';
import type { Retries } from './retries.ts';

interface Refused {
  readonly id: string;
  readonly target: Target;
  readonly refusal: Refusal;
}

/**
 * A target that has room for the call: the one taken, else another, and where none has any the one that is expected to have some
 * first, if calls wait here. Ends the leases of all others.
 * @throws Fault of the first refusal where nobody has room.
 */
export async function roomAtTarget(
  passage: Passage,
  taken: Lease<Target>,
  retries: Retries<Target>,
): Promise<Lease<Target>> {
  const refused: Refused[] = [];
  for (let lease: Lease<Target> | null = taken; lease !== null; lease = retries.instead(lease)) {
    const { id, target } = lease.member;
    const refusal = await orEnd(lease, () => reserveTarget(passage, target));
    if (refusal === null) return lease;
    refused.push({ id, target, refusal });
  }
  const soonest = refused.reduce((best, one) => (waitOf(one) < waitOf(best) ? one : best));
  try {
    await waitInLine(passage, soonest.refusal, () => reserveTarget(passage, soonest.target, true));
  } catch (thrown) {
    throw thrown === soonest.refusal.fault ? refused[0]!.refusal.fault : thrown;
  }
  const lease = retries.only(soonest.id);
  if (lease) return lease;
  throw new Fault('upstream/unavailable', `${soonest.id} went out of service while it was waited for.`);
}

/** Whoever cannot say is asked first: a place among those at work may be free at any time. */
const waitOf = ({ refusal }: Refused): number => refusal.retryAfterMs ?? 0;

async function orEnd<T>(lease: Lease<Target>, ask: () => Soon<T>): Promise<T> {
  try {
    return await ask();
  } catch (thrown) {
    lease.end(neutralResult);
    throw thrown;
  }
}
