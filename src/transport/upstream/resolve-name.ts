import { lookup as systemLookup, type LookupAddress, type LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';

const goodForMs = 30_000;
const badForMs = 1000;
const maxNames = 10_000;

interface Entry {
  readonly untilMs: number;
  readonly error: NodeJS.ErrnoException | null;
  readonly addresses: LookupAddress[];
}

/** Looks names up with a cache, all addresses of both families: `net` then races them (RFC 8305). */
export function createLookup(nowMs: () => number): LookupFunction {
  const cache = new Map<string, Entry>();
  const pending = new Map<string, ((entry: Entry) => void)[]>();

  const answer = (entry: Entry, options: LookupOptions, callback: Parameters<LookupFunction>[2]) => {
    const wanted = options.family === 4 || options.family === 6 ? options.family : 0;
    const addresses = wanted ? entry.addresses.filter((a) => a.family === wanted) : entry.addresses;
    if (entry.error || addresses.length === 0) {
      const error =
        entry.error ?? Object.assign(new Error('no address of that family'), { code: 'ENOTFOUND' });
      callback(error, '', 0);
    } else if (options.all) callback(null, addresses);
    else callback(null, addresses[0]!.address, addresses[0]!.family);
  };

  return (hostname, options, callback) => {
    const known = cache.get(hostname);
    if (known && known.untilMs > nowMs()) return answer(known, options, callback);
    const waiting = pending.get(hostname);
    const give = (entry: Entry) => answer(entry, options, callback);
    if (waiting) return void waiting.push(give);
    pending.set(hostname, [give]);
    systemLookup(hostname, { all: true }, (error, addresses) => {
      const entry: Entry = {
        untilMs: nowMs() + (error ? badForMs : goodForMs),
        error,
        addresses: addresses ?? [],
      };
      if (cache.size >= maxNames) cache.clear();
      cache.set(hostname, entry);
      const all = pending.get(hostname) ?? [];
      pending.delete(hostname);
      for (const one of all) one(entry);
    });
  };
}
