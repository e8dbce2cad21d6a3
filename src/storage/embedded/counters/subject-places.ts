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
  /** First row to look at, counted within the shard. */
  readonly start: number;
  /** Word of the row where it was last found, to be checked before use; 0 when unknown. */
  hint: number;
  /** The same subject with another window. */
  next: Place | null;
}

const cachedSubjects = 16_384;

/**
 * Finds places, and remembers those of the subjects that came last.
 * @throws RangeError for a window that cannot be.
 */
export function openPlaces(layout: CounterLayout, kinds: RowKinds): (limited: Limited) => Place {
  const cache = new Map<string, Place>();
  return (limited) => {
    const { subject } = limited;
    const kind = kinds[limited.window.kind];
    const windowMs = kind.windowMs(limited);
    const first = cache.get(subject);
    for (let place = first ?? null; place !== null; place = place.next) {
      if (place.kind === kind && place.windowMs === windowMs) return place;
    }
    const place = locate(layout, kind, { subject, windowMs });
    if (first !== undefined) {
      place.next = first.next;
      first.next = place;
      return place;
    }
    if (cache.size >= cachedSubjects) for (const oldest of cache.keys()) if (cache.delete(oldest)) break;
    cache.set(subject, place);
    return place;
  };
}

function locate(
  layout: CounterLayout,
  kind: RowKind,
  { subject, windowMs }: { readonly subject: string; readonly windowMs: number },
): Place {
  const digest = createHmac('sha256', layout.hashKey).update(`${kind.code} ${windowMs} ${subject}`).digest();
  const float = (at: number): number =>
    digest.readUInt32LE(at) * 2 ** 21 + (digest.readUInt32LE(at + 4) >>> 11);
  return {
    kind,
    windowMs,
    hash0: float(0) || 1,
    hash1: float(8),
    shard: digest.readUInt32LE(16) % layout.shards,
    start: digest.readUInt32LE(20) % layout.rowsPerShard,
    hint: 0,
    next: null,
  };
}
