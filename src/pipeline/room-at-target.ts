import type { Soon } from '#core/contracts/counter-store.ts';
import type { Lease } from '#core/contracts/target-pool.ts';
import { Fault } from '#core/fault.ts';
import type { Target } from '#core/target.ts';
import { neutralResult } from './attempt-result.ts';
import { reserveTarget } from './limits/reserve.ts';
import { paceRefusal } from './pace-refusal.ts';
import type { Passage } from './passage.ts';
import type { Refusal } from './queue/lines.ts';
import { waitInLine } from './queue/wait-in-line.ts';
import type { Retries } from './retries.ts';

interface Refused {
  readonly id: string;
  readonly target: Target;
  refusal: Refusal;
}

/**
 * A target that has room for the call: the one taken, else another, and where none has any the one that is expected to have some
 * first, if calls wait here. Ends the leases of all others.
 * @throws Fault of the soonest where nobody has room in time.
 */
export async function roomAtTarget(
  passage: Passage,
  taken: Lease<Target>,
  retries: Retries<Target>,
): Promise<Lease<Target>> {
  const refused: Refused[] = [];
  for (let lease: Lease<Target> | null = taken; lease !== null; lease = retries.instead(lease)) {
    const { id, target } = lease.member;
    const refusal = await orEnd(lease, () => ask(passage, target, false));
    if (refusal === null) return lease;
    refused.push({ id, target, refusal });
  }
  let waitedFor = soonestOf(refused);
  let winner: Refused | null = null;
  const again = async (): Promise<Refusal | null> => {
    // It is its turn in one line; whether another has room by now is worth a look.
    const order = [waitedFor, ...refused.filter((one) => one !== waitedFor)];
    const still: Refused[] = [];
    for (const one of order) {
      const refusal = await ask(passage, one.target, one === waitedFor);
      if (refusal === null) {
        winner = one;
        return null;
      }
      one.refusal = refusal;
      still.push(one);
    }
    waitedFor = soonestOf(still);
    return waitedFor.refusal;
  };
  await waitInLine(passage, waitedFor.refusal, again);
  const { id } = winner!;
  const lease = retries.only(id);
  if (lease) return lease;
  passage.ticket?.end();
  throw new Fault('upstream/unavailable', `${id} went out of service while it was waited for.`);
}

const soonestOf = (refused: readonly Refused[]): Refused =>
  refused.reduce((best, one) => (waitOf(one) < waitOf(best) ? one : best));

/** The provider's own limits first, which ask no store; then those of what goes to it. */
function ask(passage: Passage, target: Target, isItsTurn: boolean): Soon<Refusal | null> {
  const paced = paceRefusal(passage, target, isItsTurn);
  if (paced) return paced;
  const decide = (refusal: Refusal | null): Refusal | null => {
    if (refusal) passage.ticket?.end();
    return refusal;
  };
  const pending = reserveTarget(passage, target, isItsTurn);
  return pending instanceof Promise ? pending.then(decide) : decide(pending);
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
