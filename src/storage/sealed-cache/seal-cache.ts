import type { CacheClaim, CacheName, CacheStore } from '#core/contracts/cache-store.ts';
import type { RawCache } from './raw-cache.ts';
import { Seal } from './seal.ts';

/** A store of answers over one that must not be able to read them. @param secret 32 bytes, the same in all threads and nodes. */
export function sealCache(raw: RawCache, secret: Uint8Array): CacheStore {
  const seal = new Seal(secret);
  const idOf = ({ project, name }: CacheName) => seal.mark(project, `name ${name}`);
  const partPlace = (id: string, holder: string, part: number) => `${id} ${holder} part ${part}`;
  const aboutPlace = (id: string, holder: string) => `${id} ${holder} about`;

  const sealed = (claim: CacheClaim, id: string, number: number, bytes: Buffer) => ({
    number,
    bytes: seal.seal(claim.project, partPlace(id, claim.holder, number), bytes),
  });

  return {
    async claim(name, { holder, fingerprint, lifetimeMs }) {
      const mark = seal.mark(name.project, `fingerprint ${fingerprint}`);
      const found = await raw.claim(idOf(name), { holder, mark, lifetimeMs });
      if (found.state === 'claimed') return { state: 'claimed' };
      return { state: found.state, holder: found.holder, same: found.mark === mark };
    },
    begin: (claim) => raw.begin(idOf(claim), claim.holder),
    put(claim, part, bytes) {
      const id = idOf(claim);
      return raw.put(id, claim.holder, sealed(claim, id, part, bytes));
    },
    finish(claim, whole) {
      const id = idOf(claim);
      if (whole === null) return raw.finish(id, claim.holder, null);
      // How many parts there are is sealed with it: none can be taken away.
      const about = seal.seal(
        claim.project,
        aboutPlace(id, claim.holder),
        JSON.stringify([whole.parts + 1, whole.about]),
      );
      return raw.finish(id, claim.holder, { about, last: sealed(claim, id, whole.parts, whole.rest) });
    },
    release: (claim, as) => raw.release(idOf(claim), claim.holder, as),
    async get(name, holder) {
      const id = idOf(name);
      const entry = await raw.get(id, holder);
      if (entry === null) return null;
      const opened = seal.open(name.project, aboutPlace(id, holder), entry.about).toString('utf8');
      const [parts, about] = JSON.parse(opened) as [number, string];
      if (entry.parts.length !== parts)
        throw new Error(`a kept answer has ${entry.parts.length} of its ${parts} parts`);
      const value = entry.parts.map((part, i) => seal.open(name.project, partPlace(id, holder, i), part));
      return { about, value: Buffer.concat(value) };
    },
  };
}
