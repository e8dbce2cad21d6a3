import type { Booking } from './bookings.ts';
import { windowArguments } from './item-arguments.ts';
import type { Marker } from './keys.ts';
import type { Link } from './link.ts';

/** Scripts that are sent before their answers are waited for. */
const batch = 200;

/**
 * Books reservations in counters that do not know of them, whatever the capacity: those of lost counters, and what this node
 * admitted by itself. A second time changes nothing. @throws what the store says; it is begun again then.
 */
export async function bringIn(
  bookings: readonly Booking[],
  to: { readonly link: Link; readonly owner: string; readonly marker: Marker },
): Promise<void> {
  // In the order in which they came: buckets run out in it.
  const inOrder = bookings.toSorted((a, b) => a.admittedAtMs - b.admittedAtMs);
  for (let at = 0; at < inOrder.length; at += batch) {
    await Promise.all(inOrder.slice(at, at + batch).map((booking) => bringInOne(booking, to)));
  }
}

async function bringInOne(
  booking: Booking,
  { link, owner, marker }: { readonly link: Link; readonly owner: string; readonly marker: Marker },
): Promise<void> {
  const { keys } = link;
  const { key, items, booked, closedAtMs, admittedAtMs } = booking;
  const before = booking.marker;
  // At once: what is debited or settled from now on is for these counters, too.
  booking.marker = marker.text;
  try {
    await link.run({
      name: 'adopt',
      keys: [
        ...[keys.marker, keys.reservations(marker.epoch) + key, keys.heldBy(marker.epoch) + owner],
        ...items.map((item) => keys.row(marker.epoch, item)),
      ],
      args: [
        ...[marker.text, owner, key],
        ...[closedAtMs === null ? 1 : 0, Math.floor(admittedAtMs)],
        ...items.flatMap((item, i) => [...windowArguments(item), booked[i]!]),
      ],
    });
  } catch (error) {
    booking.marker = before;
    throw error;
  }
}
