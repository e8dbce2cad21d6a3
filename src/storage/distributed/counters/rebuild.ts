import { randomBytes } from 'node:crypto';
import type { LimitItem } from '#core/contracts/counter-store.ts';
import type { BookedAmount } from '../../embedded/counters/counter-store.ts';
import { requireUnits, windowArguments } from './item-arguments.ts';
import type { Finding, Link } from './link.ts';

export type Rebuilt = BookedAmount & Pick<LimitItem, 'invented'>;

export interface RebuildSettings {
  /** What the ledger knows, of all nodes, that may still count at `nowMs`. */
  rebuild(nowMs: number): AsyncIterable<Rebuilt> | Iterable<Rebuilt>;
  onError(error: Error): void;
  /** How long nodes have to bring in what they have open, before anybody counts (default 1,000). */
  readonly graceMs?: number;
}

/** One that rebuilds says within this time that it still does; else another begins anew. */
const lockMs = 15_000;
/** A ledger that takes longer is away; another node may reach it. */
const ledgerMs = 60_000;
const batch = 100;

/**
 * Builds the counters where there are none that can be believed: at the very first start, and after a failover or a loss of data.
 * One node does it, under a lock; until it is done nobody counts. They are built below an epoch of their own and then become those
 * in force in one step, so that a rebuild that breaks off has changed nothing.
 */
export function rebuildWhenLost(link: Link, settings: RebuildSettings): { readonly count: () => number } {
  let count = 0;
  let isBuilding = false;

  async function build({ replicationId, nowMs }: Finding): Promise<void> {
    const { keys } = link;
    const epoch = randomBytes(9).toString('base64url');
    if (!(await link.take(keys.lock, epoch, lockMs))) return;
    // Reading the ledger may take its time.
    const still = setInterval(() => void restore(link, epoch, []).catch(() => undefined), lockMs / 3);
    try {
      for (const part of await inTime(collect(settings, nowMs))) await restore(link, epoch, part);
      const args = [epoch, epoch, replicationId, settings.graceMs ?? 1000, nowMs];
      await link.run({ name: 'publish', keys: [keys.lock, keys.marker], args });
    } finally {
      clearInterval(still);
    }
    count++;
  }

  link.onFinding(async (found) => {
    if (found.marker !== null || !found.isPrimary || isBuilding) return;
    isBuilding = true;
    // Beside the checks, which go on.
    void build(found)
      .catch((error: Error) => settings.onError(error))
      .finally(() => (isBuilding = false));
  });
  return { count: () => count };
}

async function inTime<T>(asked: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`the ledger did not answer within ${ledgerMs} ms`)),
    ledgerMs,
  );
  return Promise.race([asked, late.promise]).finally(() => clearTimeout(timer));
}

/** In the order in which it came, and so in the order in which buckets run out. */
async function collect({ rebuild }: RebuildSettings, nowMs: number): Promise<Rebuilt[][]> {
  const all: Rebuilt[] = [];
  for await (const one of rebuild(nowMs)) {
    requireUnits(one.amount, 'amount');
    if (one.window.kind !== 'held') all.push(one);
  }
  all.sort((a, b) => a.atMs - b.atMs);
  return Array.from({ length: Math.ceil(all.length / batch) }, (_, i) =>
    all.slice(i * batch, (i + 1) * batch),
  );
}

async function restore(link: Link, epoch: string, part: readonly Rebuilt[]): Promise<void> {
  const rows = part.map((one) => link.keys.row(epoch, one));
  const args = part.flatMap((one) => [...windowArguments(one), Math.floor(one.atMs), one.amount]);
  await link.run({ name: 'restore', keys: [link.keys.lock, ...rows], args: [epoch, lockMs, ...args] });
}
