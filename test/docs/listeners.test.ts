/** docs/listeners.md: its configuration, as it stands but on free ports, is served to clients that it lets in. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { refusals } from '../../src/transport/server/door-counts.ts';
import { makeAuthority } from '../../src/transport/testing/authority.ts';
import { ask, get, rest, send } from '../../src/transport/server/testing/doors.ts';
import { startGateway } from '../../src/main.ts';
import { emptyFolder } from '../harness/command.ts';
import { blocksOf } from '../harness/snippets.ts';

test('the block of docs/listeners.md', async (t) => {
  using authority = makeAuthority();
  const folder = emptyFolder();
  mkdirSync(join(folder, 'tls'));
  const write = (name: string, names: string) => {
    const pair = authority.issue({ alternatives: names });
    writeFileSync(join(folder, `tls/${name}.pem`), pair.cert);
    writeFileSync(join(folder, `tls/${name}.key`), pair.key);
    return pair;
  };
  write('api', 'DNS:api.test');
  write('shop', 'DNS:shop.test');
  writeFileSync(join(folder, 'tls/clients-ca.pem'), authority.ca);
  const robot = authority.issue({ alternatives: 'DNS:robot.test' });
  const [block, ...others] = blocksOf('docs/listeners.md', 'yaml');
  assert.equal(others.length, 0);
  const configPath = join(folder, 'sluice.yaml');
  const here = block!.replaceAll(/port: \d+/g, 'port: 0').replaceAll('10.0.0.0/8', '127.0.0.0/8');
  writeFileSync(configPath, `${here}log: { access: false }\n`);
  const stateDirectory = join(folder, 'state');
  const running = await startGateway({
    configPath,
    stateDirectory,
    port: null,
    adminPort: 0,
    threads: 1,
    env: {},
  });
  t.after(() => running.stop());
  const [plain, secure, strict, proxied] = running.ports as [number, number, number, number];
  const served = /^HTTP\/1\.1 404 /;
  assert.match(await send(plain, get('x')), served);
  for (const servername of ['api.test', 'shop.test', ''])
    assert.match(await ask(secure, { servername }), served);
  assert.match(await ask(strict, { servername: 'api.test', ...robot }), served);
  assert.equal(await ask(strict, { servername: 'api.test' }).catch(() => ''), '');
  assert.equal(await ask(strict, { ...robot }).catch(() => ''), '');
  assert.match(await send(proxied, `PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n${get('x')}`), served);
  const stranger = connectPlain(proxied, '::1');
  await once(stranger, 'connect');
  assert.equal(await rest(stranger), '');
});

test('each reason for which a connection is not served is on the page', () => {
  const page = readFileSync('docs/listeners.md', 'utf8');
  for (const reason of refusals) assert.ok(page.includes(`| \`${reason}\` |`), reason);
});
