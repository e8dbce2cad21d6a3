import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { startGateway } from '../../src/main.ts';
import { standardConfig } from '../harness/gateway.ts';

const listenAnywhere = async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
};

test('a start that fails at its last step leaves nothing behind: the next one has port and state', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-start-'));
  const taken = await listenAnywhere();
  const free = await listenAnywhere();
  free.server.close();
  const configPath = join(folder, 'sluice.yaml');
  writeFileSync(configPath, stringify(standardConfig('http://127.0.0.1:9')));
  const options = {
    configPath,
    stateDirectory: join(folder, 'state'),
    port: free.port,
    threads: 2,
    env: { SLUICE_ADMIN_TOKEN: 'admin-test-0123456789abcdef' },
  };
  try {
    await assert.rejects(startGateway({ ...options, adminPort: taken.port }), /EADDRINUSE/);
    const running = await startGateway({ ...options, adminPort: 0 });
    assert.equal(running.port, free.port);
    await running.stop();
  } finally {
    taken.server.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
