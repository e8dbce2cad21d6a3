import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GatewayStatus } from '#core/contracts/control-plane.ts';
import { startProbes } from './probes.ts';

test('probes are answered to anybody, and nothing else is', async (t) => {
  let reasons: string[] = [];
  const control = {
    status: () => ({ ready: reasons.length === 0, reasons }) as unknown as GatewayStatus,
  };
  const probes = await startProbes({ host: '127.0.0.1', port: 0 }, control);
  t.after(() => probes.close());
  const ask = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${probes.port}${path}`, init);
  assert.deepEqual(await (await ask('/healthz')).json(), { status: 'alive' });
  assert.equal((await ask('/readyz')).status, 200);
  reasons = ['worker 0 is silent'];
  const unready = await ask('/readyz');
  assert.equal(unready.status, 503);
  assert.deepEqual(await unready.json(), { ready: false, reasons });
  for (const path of ['/', '/metrics', '/v1/status', '/healthz/x'])
    assert.equal((await ask(path)).status, 404);
  assert.equal((await ask('/readyz', { method: 'POST' })).status, 405);
});
