import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
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
