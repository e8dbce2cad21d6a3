import { hashText } from './hash-text.ts';

/** Points of a member of the greatest weight; fewer where there are many members, down to `fewestPoints`. */
const mostPoints = 160;
const fewestPoints = 16;
const roomForPoints = 65_536;

export interface RingMember {
  readonly id: string;
  readonly weight: number;
}

/**
 * A ring of points on 32 bits (Karger et al., 1997), each member's by its weight. When a member leaves, its keys and no
 * others go elsewhere: to whoever has the next point of the ring, and those are many.
 */
export class HashRing {
  /** Sorted. */
  readonly #points: Uint32Array;
  /** Index of the member that owns the point. */
  readonly #owners: Int32Array;

  constructor(members: readonly RingMember[]) {
    const greatest = Math.max(1, ...members.map(({ weight }) => weight));
    const each = Math.max(fewestPoints, Math.min(mostPoints, Math.floor(roomForPoints / members.length)));
    const points: { point: number; owner: number }[] = [];
    members.forEach(({ id, weight }, owner) => {
      const count = weight > 0 ? Math.max(1, Math.round((each * weight) / greatest)) : 0;
      for (let i = 0; i < count; i++) points.push({ point: hashText(`${id}#${i}`, 0x5bd1e995), owner });
    });
    // Members that share a point are told apart by their ids, not by their place in the list.
    const rank = (owner: number) => members[owner]!.id;
    points.sort((a, b) => a.point - b.point || (rank(a.owner) < rank(b.owner) ? -1 : 1));
    this.#points = Uint32Array.from(points, ({ point }) => point);
    this.#owners = Int32Array.from(points, ({ owner }) => owner);
  }

  get length(): number {
    return this.#points.length;
  }

  /** Index of the first point at or after the key's; round the ring. */
  start(key: string): number {
    const aim = hashText(key);
    const points = this.#points;
    let low = 0;
    let high = points.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (points[middle]! < aim) low = middle + 1;
      else high = middle;
    }
    return low === points.length ? 0 : low;
  }

  /** The member at a point, counted on from any. */
  owner(point: number): number {
    return this.#owners[point % this.#owners.length]!;
  }
}
