import { lookup, type LookupAddress } from 'node:dns';
import { isIP } from 'node:net';

const goodForMs = 30_000;
const badForMs = 1000;
const maxNames = 10_000;

interface Entry {
  readonly untilMs: number;
  readonly error: Error | null;
  readonly addresses: readonly string[];
}

type Callback = (error: Error | null, addresses: readonly string[]) => void;

/** Calls back, perhaps at once, with at least one address or an error. */
export type ResolveName = (host: string, callback: Callback) => void;

/** Looks names up by the system, with a cache; those who ask for the same name at the same time share one question. */
export function createResolver(nowMs: () => number): ResolveName {
  const cache = new Map<string, Entry>();
  const waiting = new Map<string, Callback[]>();

  return (host, callback) => {
    if (isIP(host)) return callback(null, [host]);
    const known = cache.get(host);
    if (known && known.untilMs > nowMs()) return callback(known.error, known.addresses);
    const others = waiting.get(host);
    if (others) return void others.push(callback);
    waiting.set(host, [callback]);
    lookup(host, { all: true, order: 'verbatim' }, (error, found) => {
      const entry: Entry = {
        untilMs: nowMs() + (error ? badForMs : goodForMs),
        error,
        addresses: error ? [] : alternate(found),
      };
      if (cache.size >= maxNames) cache.clear();
      cache.set(host, entry);
      const all = waiting.get(host) ?? [];
      waiting.delete(host);
      for (const one of all) one(entry.error, entry.addresses);
    });
  };
}

/** RFC 8305 §4: families by turns, beginning with the one that the system prefers. */
export function alternate(found: readonly LookupAddress[]): string[] {
  const preferred = found.filter((one) => one.family === found[0]!.family);
  const other = found.filter((one) => one.family !== found[0]!.family);
  const addresses: string[] = [];
  for (let i = 0; i < Math.max(preferred.length, other.length); i++) {
    if (i < preferred.length) addresses.push(preferred[i]!.address);
    if (i < other.length) addresses.push(other[i]!.address);
  }
  return addresses;
}
