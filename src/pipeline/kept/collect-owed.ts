import type { DueObligations } from '#core/contracts/keeper.ts';
import type { Gateway } from '../gateway.ts';
import { settleOwed } from './settle-owed.ts';

export const firstLookMs = 1_000;
const longestWaitMs = 60_000;
/** Longer than one look takes, so that no two threads look at once. */
const leaseMs = 180_000;
const everyMs = 1_000;

/**
 * Asks providers for what they were to do in the background, until it is done, and settles it. At rest while nothing is
 * owed; one in each thread, of which one at a time is given an obligation.
 */
export class OwedCollector {
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;
  readonly #gateway: () => Gateway;

  /** @param gateway As it stands now. */
  constructor(gateway: () => Gateway) {
    this.#gateway = gateway;
  }

  /** Something may be owed. */
  wake(): void {
    this.#timer ??= setTimeout(() => (this.#running ??= this.#round()), everyMs).unref();
  }

  /** Resolves when what it does now is done; it begins nothing any more. */
  async close(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => undefined, 0);
    // What takes longer is done again by the next life.
    await Promise.race([this.#running, new Promise((resolve) => setTimeout(resolve, 1_000).unref())]);
  }

  async #round(): Promise<void> {
    const gateway = this.#gateway();
    const { keeper, clock } = gateway;
    let open = 1;
    try {
      const given = await keeper.due(clock.nowMs(), leaseMs);
      open = given.open;
      await Promise.all(given.due.map((one) => collect(gateway, one)));
    } catch (error) {
      gateway.observer.owedFailed(null, error);
    }
    this.#running = null;
    this.#timer = null;
    if (open > 0) this.wake();
  }
}

/** Settles it, or looks again later: after twice the time each time. */
export async function collect(
  gateway: Gateway,
  { obligation, tries }: DueObligations['due'][number],
): Promise<'settled' | 'open'> {
  const result = await settleOwed(gateway, obligation, tries);
  if (result === 'settled') {
    await gateway.keeper.settled(obligation.receipt);
    return result;
  }
  const waitMs = Math.min(longestWaitMs, firstLookMs * 2 ** Math.min(tries, 10));
  await gateway.keeper.postpone(obligation.receipt, gateway.clock.nowMs() + waitMs);
  return result;
}
