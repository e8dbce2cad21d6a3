import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { openTokenService } from '#ledger/tokens/token-service.ts';
import { createCalibrationMemory } from '#core/calibration.ts';
import { createCounterMemory } from '#storage/embedded/counters/layout.ts';
import { openKeyStore } from '#storage/embedded/key-store.ts';
import { loadConfig } from './configuration.ts';
import { openPriceSource } from './price-source.ts';
import { createPoolMemory } from '#balance/index.ts';
import { WorkerPool } from './worker-pool.ts';

test('a pool of which some workers cannot start ends those that did, and those that were about to', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-pool-'));
  const source = { path: null, env: {}, prices: await openPriceSource() };
  const overrides = { stateDirectory: directory, port: 0, adminPort: 0, threads: null };
  const first = loadConfig({ source, overrides, version: 1 });
  const keys = openKeyStore({ directory, env: {}, fileKeys: first.keys });
  const tokens = openTokenService();
  t.after(async () => {
    keys.close();
    await tokens.close();
    rmSync(directory, { recursive: true });
  });
  const exits: Promise<unknown>[] = [];
  const onWorker = (worker: Worker) => exits.push(new Promise((resolve) => worker.once('exit', resolve)));
  process.on('worker', onWorker);
  t.after(() => process.off('worker', onWorker));
  const pool = new WorkerPool({
    count: 4,
    ports: [0],
    boot: 'test',
    journalDirectory: directory,
    nodeId: 'node',
    // Room for the main thread and three workers: the fourth cannot start.
    counters: createCounterMemory({ owners: 4 }),
    calibration: createCalibrationMemory(),
    pools: createPoolMemory({ workers: 2 }),
    openKeeperPort: () => new MessageChannel().port2,
    openCachePort: () => new MessageChannel().port2,
    cacheSecret: new Uint8Array(32),
    openAuditPort: () => new MessageChannel().port2,
    openTokenPort: () => tokens.openPort(),
    snapshot: () => first.snapshot,
    keys: () => keys.reset(),
    members: () => [],
    onSealed: () => {},
    onUsage: () => Promise.resolve([]),
    onReport() {},
    onDeath: () => Promise.resolve(),
  });
  await assert.rejects(pool.start(), /owner must be an integer from 1 to 4, not 5/);
  await pool.close(0);
  assert.equal(exits.length, 4);
  await Promise.all(exits);
});
