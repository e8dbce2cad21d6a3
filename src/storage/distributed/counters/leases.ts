import type { Marker } from './keys.ts';
import type { Link } from './link.ts';

/** What an owner holds is given back when nothing was heard of it for so long. */
export const defaultLeaseMs = 15_000;
/** Renewals that may be lost within a lease. */
const renewals = 3;

export interface Lease {
  /** Of whom everything is that is held under it. */
  readonly owner: string;
  readonly leaseMs: number;
}

/** Reservations that one script frees. */
const batch = 100;

/**
 * Keeps the lease of all that this owner holds, with one script each few seconds, however much it is; and frees what owners hold
 * that are gone, whoever comes first.
 * @param beside Called each time, while the counters can be used.
 */
export function keepLease(link: Link, { owner, leaseMs }: Lease, beside: () => void): { close(): void } {
  async function renew(): Promise<void> {
    const { marker } = link;
    if (marker === null) return;
    beside();
    const { keys } = link;
    const [, ended] = await link.run({
      name: 'renew',
      keys: [keys.marker, keys.owners(marker.epoch), keys.heldBy(marker.epoch) + owner],
      args: [marker.text, owner, leaseMs],
    });
    if (!ended) return;
    await free(link, marker, String(ended));
    await renew();
  }

  const renewing = () => void renew().catch(() => undefined);
  link.onUsable(renewing);
  const timer = setInterval(renewing, leaseMs / (renewals + 1));
  timer.unref();
  return { close: () => clearInterval(timer) };
}

/** Ends the lease of an owner that is known to be dead, and frees what it holds. */
export async function endLease(link: Link, owner: string): Promise<void> {
  const { marker, keys } = link;
  if (marker === null) return;
  await link.run({
    name: 'endOwner',
    keys: [keys.marker, keys.owners(marker.epoch)],
    args: [marker.text, owner],
  });
  await free(link, marker, owner);
}

async function free(link: Link, { text, epoch }: Marker, owner: string): Promise<void> {
  const { keys } = link;
  for (let isMore = true; isMore;) {
    const reply = await link.run({
      name: 'reap',
      keys: [keys.marker, keys.owners(epoch), keys.heldBy(epoch) + owner],
      args: [text, owner, keys.reservations(epoch), batch],
    });
    isMore = reply[1] === 1;
  }
}
