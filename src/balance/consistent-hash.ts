import type { Balancer, Choice } from './balancer.ts';
import { hashText } from './hash-text.ts';
import { HashRing } from './hash-ring.ts';
import { leastConnections } from './least-connections.ts';
import type { Level } from './level.ts';
import type { Seat } from './seat.ts';

/** Up to as many members the load is summed anew for each choice; of more, once a millisecond. */
const fewSeats = 64;

/**
 * The key's member on the ring; when that one is busy beyond its bound, the next on the ring (consistent hashing with
 * bounded loads: Mirrokni, Thorup, Zadimoghaddam, 2018). Without a key, the least busy. A member that is warming up takes
 * its keys back one after the other.
 */
export function consistentHash(seats: readonly Seat<unknown>[], loadBound: number): Balancer<unknown> {
  const rings = new Map<number, { ring: HashRing; owners: readonly Seat<unknown>[] }>();
  const ringOf = (priority: number) => {
    let known = rings.get(priority);
    if (!known) {
      const owners = seats.filter(({ member }) => member.priority === priority);
      const ring = new HashRing(owners.map(({ member }) => ({ id: member.id, weight: member.weight })));
      rings.set(priority, (known = { ring, owners }));
    }
    return known;
  };
  const total = totalInFlight();
  return (level, choice) => {
    const { affinity } = choice;
    if (affinity === null) return leastConnections(level, choice);
    if (level.seats.length === 1) return 0;
    const { ring, owners } = ringOf(level.seats[0]!.member.priority);
    const bound = (loadBound * (total(level, choice) + 1)) / level.totalWeight;
    const start = ring.start(affinity);
    let fallback = -1;
    for (let i = 0; i < ring.length; i++) {
      const seat = owners[ring.owner(start + i)]!;
      const at = level.at[seat.index]!;
      if (at < 0) continue;
      const weight = level.weights[at]!;
      if (weight < seat.member.weight && !isBack(affinity, weight / seat.member.weight)) continue;
      if (fallback < 0) fallback = at;
      if (seat.cell.inFlight() + 1 <= Math.ceil(bound * weight)) return at;
    }
    // Everybody is at the bound, or warming up.
    return fallback < 0 ? leastConnections(level, choice) : fallback;
  };
}

/** Has a member that is warming up taken this key back? The same answer until it is warmer. */
const isBack = (key: string, part: number): boolean => hashText(key, 0x2545f491) < part * 2 ** 32;

function totalInFlight(): (level: Level<unknown>, choice: Choice) => number {
  let known = 0;
  let of: Level<unknown> | null = null;
  let atMs = 0;
  return (level, { nowMs }) => {
    if (level.seats.length > fewSeats && level === of && nowMs === atMs) return known++;
    known = 0;
    for (const { cell } of level.seats) known += cell.inFlight();
    of = level;
    atMs = nowMs;
    return known;
  };
}
