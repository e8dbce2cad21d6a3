import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { testFolder } from '#ledger/testing/samples.ts';
import { spawnSluice } from './testing/spawn-sluice.ts';

test('a start that cannot be made ends with exit code 1 and says why', async (context) => {
  const cwd = testFolder(context);
  const taken = createServer().listen(0, '127.0.0.1');
  context.after(() => taken.close());
  await once(taken, 'listening');
  const port = String((taken.address() as AddressInfo).port);
  const { code, err } = await spawnSluice(['--port', port, '--state', join(cwd, 'state')], { cwd });
  assert.equal(code, 1);
  assert.ok(err.startsWith('sluice: ') && err.includes(port), err);
});
