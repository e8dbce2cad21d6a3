import { createHmac } from 'node:crypto';
import type { CounterLayout } from './layout.ts';
import { windowOf, type Window } from './panes.ts';

/** Where the row of one subject and window belongs. One object for as long as it stays in the cache. */
export interface Place extends Window {
  readonly subject: string;
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

/** Finds places, and remembers those of the subjects that came last. */
export function openPlaces(layout: CounterLayout): (subject: string, windowMs: number) => Place {
  const cache = new Map<string, Place>();
  return (subject, windowMs) => {
    const first = cache.get(subject);
    for (let place = first ?? null; place !== null; place = place.next) {
      if (place.windowMs === windowMs) return place;
    }
    const place = locate(layout, subject, windowMs);
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

function locate(layout: CounterLayout, subject: string, windowMs: number): Place {
  const window = windowOf(windowMs);
  const digest = createHmac('sha256', layout.hashKey).update(`${windowMs} ${subject}`).digest();
  const float = (at: number): number =>
    digest.readUInt32LE(at) * 2 ** 21 + (digest.readUInt32LE(at + 4) >>> 11);
  return {
    subject,
    ...window,
    hash0: float(0) || 1,
    hash1: float(8),
    shard: digest.readUInt32LE(16) % layout.shards,
    start: digest.readUInt32LE(20) % layout.rowsPerShard,
    hint: 0,
    next: null,
  };
}
