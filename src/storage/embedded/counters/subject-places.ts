import { createHmac } from 'node:crypto';
import type { CounterLayout } from './layout.ts';
import type { Limited, RowKind } from './row-kind.ts';
import type { RowKinds } from './row-kinds.ts';

/** Where the row of one subject and window belongs. One object for as long as it stays in the cache. */
export interface Place {
  readonly kind: RowKind;
  readonly windowMs: number;
  /** 106 bits of a keyed hash of subject and window, as two exact floats; the first is never 0. */
  readonly hash0: number;
  readonly hash1: number;
  readonly shard: number;
  /** Where it may stand, counted within the shard: rows from `from` on, beginning to look at `start`. */
  readonly from: number;
  readonly start: number;
  /** Word of the row where it was last found, to be checked before use; 0 when unknown. */
  hint: number;
  /** The same subject with another window. */
  next: Place | null;
}

const cachedSubjects = 16_384;

export interface Places {
  /** @throws RangeError for a window that cannot be. */
  placeOf(limited: Limited): Place;
  /** Of a subject that callers have made where there is no room for it: the row it shares with others of its limit and shard. */
  sharedPlaceOf(limited: Limited, own: Place): Place;
}

/** Finds places, and remembers those of the subjects that came last. */
export function openPlaces(layout: CounterLayout, kinds: RowKinds): Places {
  const cache = new Map<string, Place>();

  function recall(kind: RowKind, named: Named): Place {
    const { subject, windowMs } = named;
    const first = cache.get(subject);
    for (let place = first ?? null; place !== null; place = place.next) {
      if (place.kind === kind && place.windowMs === windowMs) return place;
    }
    const place = locate(layout, kind, named);
    if (first !== undefined) {
      place.next = first.next;
      first.next = place;
      return place;
    }
    if (cache.size >= cachedSubjects) for (const oldest of cache.keys()) if (cache.delete(oldest)) break;
    cache.set(subject, place);
    return place;
  }

  return {
    placeOf(limited) {
      const kind = kinds[limited.window.kind];
      const { subject, invented = false } = limited;
      return recall(kind, { subject, invented, windowMs: kind.windowMs(limited), shard: null });
    },
    sharedPlaceOf({ subject }, { kind, windowMs, shard }) {
      const limit = subject.slice(0, subject.lastIndexOf('/') + 1);
      return recall(kind, { subject: `${limit}shared:${shard}`, invented: false, windowMs, shard });
    },
  };
}

interface Named {
  readonly subject: string;
  readonly invented: boolean;
  readonly windowMs: number;
  /** Null: where its hash leads. */
  readonly shard: number | null;
}

/** What callers make may take half of the rows, so that it is in nobody's way. */
function locate(layout: CounterLayout, kind: RowKind, { subject, invented, windowMs, shard }: Named): Place {
  const digest = createHmac('sha256', layout.hashKey).update(`${kind.code} ${windowMs} ${subject}`).digest();
  const float = (at: number): number =>
    digest.readUInt32LE(at) * 2 ** 21 + (digest.readUInt32LE(at + 4) >>> 11);
  const from = invented ? layout.rowsPerShard / 2 : 0;
  return {
    kind,
    windowMs,
    hash0: float(0) || 1,
    hash1: float(8),
    shard: shard ?? digest.readUInt32LE(16) % layout.shards,
    from,
    start: from + (digest.readUInt32LE(20) % (layout.rowsPerShard - from)),
    hint: 0,
    next: null,
  };
}
