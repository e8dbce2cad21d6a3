import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig, type LoadedConfig } from './configuration.ts';
import { openPriceSource } from './price-source.ts';
import { Reloader } from './reloader.ts';

test('an edit between the first load and the watch is taken up', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-reload-'));
  const path = join(directory, 'sluice.yaml');
  const write = (team: string) => writeFileSync(path, `teams: { ${team}: {} }\n`);
  write('before');
  const source = { path, env: {}, prices: await openPriceSource() };
  const overrides = { stateDirectory: directory, port: null, adminPort: null, threads: null };
  const first = loadConfig({ source, overrides, version: 1 });
  write('during');
  const applied = Promise.withResolvers<LoadedConfig>();
  const apply = (loaded: LoadedConfig) => Promise.resolve(applied.resolve(loaded));
  const reloader = new Reloader({ source, overrides, first, apply, say: () => {} });
  // The watch keeps no process alive, and a test that waits must.
  const alive = setInterval(() => {}, 1000);
  t.after(() => {
    clearInterval(alive);
    reloader.close();
    rmSync(directory, { recursive: true });
  });
  reloader.start();
  const { document, snapshot } = await applied.promise;
  assert.deepEqual(document.teams, { during: {} });
  assert.equal(snapshot.version, 2);
});
