import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startGateway } from '../../src/main.ts';
import { adminToken, startTestGateway, testKey } from '../harness/gateway.ts';

interface ConfigRead {
  readonly text: string;
  readonly master: string;
  readonly path: string | null;
}

test('the admin API shows the document in force, and none of the secrets written in it', async (t) => {
  const gateway = await startTestGateway();
  t.after(() => gateway.stop());
  const { text, master, path } = (await (await gateway.admin('/v1/config')).json()) as ConfigRead;
  assert.equal(master, 'file');
  assert.equal(path, gateway.configPath);
  assert.match(text, /baseUrl: /);
  assert.equal(text.match(/\[hidden\]/g)?.length, 3);
  for (const secret of [testKey, 'sk-upstream']) assert.ok(!text.includes(secret), secret);
});

test('without a file the environment is the master, and both answers say so', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-no-file-'));
  const running = await startGateway({
    configPath: null,
    stateDirectory: folder,
    port: 0,
    adminPort: 0,
    threads: 1,
    env: { SLUICE_ADMIN_TOKEN: adminToken, OPENAI_API_KEY: 'sk-from-the-environment' },
  });
  t.after(async () => {
    await running.stop();
    rmSync(folder, { recursive: true });
  });
  const url = `http://127.0.0.1:${running.adminPort}/v1/config`;
  const headers = { authorization: `Bearer ${adminToken}` };
  const read = (await (await fetch(url, { headers })).json()) as ConfigRead;
  assert.equal(read.master, 'environment');
  assert.equal(read.path, null);
  assert.ok(!read.text.includes('sk-from-the-environment'));
  const body = JSON.stringify({ text: 'routes: []' });
  const refused = await fetch(url, {
    method: 'PUT',
    headers: { ...headers, 'content-type': 'application/json' },
    body,
  });
  assert.equal(refused.status, 428);
  assert.match(await refused.text(), /If-Match/);
});
