import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openCacheDatabase } from '#storage/embedded/cache/cache-database.ts';
import { cacheSecret } from '#storage/embedded/cache/cache-secret.ts';
import { openCacheService } from '#storage/embedded/cache/cache-service.ts';
import { connectCache } from '#storage/embedded/cache/connect-cache.ts';
import { MasterKey } from '#storage/embedded/master-key.ts';
import { conforms, type StoreUnderTest } from './suite.ts';

const secret = new Uint8Array(32).fill(7);
const master = new MasterKey({ directory: tmpdir(), given: ['ab'.repeat(32)] });
const bytesIn = (folder: string) =>
  Buffer.concat(readdirSync(folder).map((file) => readFileSync(join(folder, file))));

function open(): Promise<StoreUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-answers-'));
  const service = openCacheService(join(folder, 'answers.db'));
  return Promise.resolve({
    holder() {
      const port = service.openPort();
      return { store: connectCache(port, secret), die: () => port.close() };
    },
    dump: () => bytesIn(folder),
    async close() {
      await service.close();
      rmSync(folder, { recursive: true, force: true });
    },
  });
}

conforms('embedded', open);

test('a process that is killed leaves its claims as they were: free, lost, kept', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-answers-'));
  const path = join(folder, 'answers.db');
  try {
    const child = spawn(process.execPath, [
      '--conditions=source',
      join(import.meta.dirname, 'hold-claims.ts'),
      path,
    ]);
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const service = openCacheService(path);
    const store = connectCache(service.openPort(), secret);
    const wish = { holder: 'next', fingerprint: 'f', lifetimeMs: 60_000 };
    const stateOf = async (name: string) => (await store.claim({ project: 'web', name }, wish)).state;
    assert.equal(await stateOf('begun'), 'lost');
    assert.equal(await stateOf('kept'), 'kept');
    assert.equal(
      (await store.get({ project: 'web', name: 'kept' }, 'holder-of-kept'))?.value.toString(),
      'answer',
    );
    assert.equal(await stateOf('claimed'), 'claimed');
    await service.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('the secret is made once, is its owner’s alone, and without it nothing is found', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-answers-'));
  try {
    const made = cacheSecret(folder, { env: {}, master });
    assert.equal(made.length, 32);
    assert.deepEqual(cacheSecret(folder, { env: {}, master }), made);
    assert.deepEqual(
      cacheSecret(folder, { env: { SLUICE_ANSWERS_SECRET: '07'.repeat(32) }, master }),
      secret,
    );
    assert.equal(statSync(join(folder, 'answers-secret')).mode & 0o777, 0o600);
    const service = openCacheService(join(folder, 'answers.db'));
    const [mine, theirs] = [made, secret].map((of) => connectCache(service.openPort(), of));
    const name = { project: 'web', name: 'n' };
    await mine!.claim(name, { holder: 'h', fingerprint: 'f', lifetimeMs: 60_000 });
    await mine!.finish({ ...name, holder: 'h' }, { about: '', parts: 0, rest: Buffer.from('x') });
    assert.equal(await theirs!.get(name, 'h'), null);
    await service.close();
    writeFileSync(join(folder, 'answers-secret'), 'short\n');
    assert.throws(() => cacheSecret(folder, { env: {}, master }), /64 hexadecimal digits/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('all answers together have a bound: the oldest are kept no more, and are not forgotten; keys are counted', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-answers-'));
  const path = join(folder, 'answers.db');
  const bounds = { bytes: 400_000, entries: 12 };
  let database = openCacheDatabase(path, bounds);
  const claim = (name: number, nowMs = 1_000) =>
    database.claim(`${name}`, { holder: `h${name}`, mark: 'm', lifetimeMs: 60_000 + name, asker: 1, nowMs });
  const keep = (name: number) => {
    assert.equal(claim(name).state, 'claimed');
    const last = { number: 0, bytes: Buffer.alloc(50_000, name) };
    database.finish(`${name}`, `h${name}`, { about: Buffer.from('about'), last });
  };
  const keptOf = (names: readonly number[]) =>
    names.map((name) => database.get(`${name}`, `h${name}`) !== null);
  try {
    for (let name = 0; name < 5; name++) keep(name);
    assert.deepEqual(keptOf([0, 1, 2, 3, 4]), Array(5).fill(true));
    for (let name = 5; name < 12; name++) keep(name);
    const kept = keptOf(Array.from({ length: 12 }, (_, name) => name));
    const first = kept.indexOf(true);
    assert.ok(first >= 5 && first <= 7, `${first}`);
    assert.ok(kept.slice(first).every(Boolean));
    assert.equal(claim(0).state, 'passed', 'it was made, and is not made again');
    assert.equal(claim(11).state, 'kept');
    assert.throws(() => claim(12), /there are 12 keys/);
    database.close();
    // What stands there counts in a new process, too.
    database = openCacheDatabase(path, bounds);
    assert.throws(() => claim(12), /there are 12 keys/);
    // Three have outlived their lifetime.
    assert.equal(claim(12, 61_002).state, 'claimed');
    database.release('12', 'h12', 'free');
    for (let name = 13; name < 16; name++) assert.equal(claim(name, 61_002).state, 'claimed');
    assert.throws(() => claim(16, 61_002), /there are 12 keys/);
  } finally {
    database.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
