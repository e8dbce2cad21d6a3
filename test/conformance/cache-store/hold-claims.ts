/** A process that holds claims in every state until it is killed. Its argument is the path of the database. */
import { openCacheService } from '#storage/embedded/cache/cache-service.ts';
import { connectCache } from '#storage/embedded/cache/connect-cache.ts';

const service = openCacheService(process.argv[2]!);
const store = connectCache(service.openPort(), new Uint8Array(32).fill(7));
const held = (name: string) => ({ project: 'web', name, holder: `holder-of-${name}` });
for (const name of ['claimed', 'begun', 'kept'])
  await store.claim(held(name), { holder: `holder-of-${name}`, fingerprint: 'f', lifetimeMs: 60_000 });
await store.begin(held('begun'));
await store.put(held('begun'), 0, Buffer.from('half'));
await store.finish(held('kept'), { about: '', parts: 0, rest: Buffer.from('answer') });
process.stdout.write('ready\n');
setInterval(() => undefined, 60_000);
