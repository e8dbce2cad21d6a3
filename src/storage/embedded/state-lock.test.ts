import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { acquireStateLock, probePorts, StateLockedError } from './state-lock.ts';

const info = { listen: '127.0.0.1:8080' };

function directoryFor(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-lock-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Another process that takes the lock, says so, and stays. */
async function holdElsewhere(t: TestContext, directory: string): Promise<ChildProcess> {
  const script = `
    import { acquireStateLock } from ${JSON.stringify(new URL('./state-lock.ts', import.meta.url).href)};
    acquireStateLock(process.argv[1], ${JSON.stringify(info)});
    // Nobody holds what was returned: the lock must outlive a collection all the same.
    await new Promise((resolve) => setImmediate(resolve));
    gc();
    await new Promise((resolve) => setImmediate(resolve));
    console.log('held');
    setInterval(() => {}, 1000);`;
  const child = spawn(
    process.execPath,
    ['--conditions=source', '--expose-gc', '--input-type=module', '-e', script, directory],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  t.after(() => child.kill('SIGKILL'));
  const [said] = (await once(child.stdout!, 'data')) as [Buffer];
  assert.equal(said.toString().trim(), 'held');
  return child;
}

test('a second owner is refused by the name of the first, and a killed one releases', async (t) => {
  const directory = directoryFor(t);
  const child = await holdElsewhere(t, directory);
  assert.throws(
    () => acquireStateLock(directory, info),
    (error) => {
      assert.ok(error instanceof StateLockedError);
      assert.equal(error.holder?.pid, child.pid);
      assert.match(error.message, new RegExp(`process ${child.pid} on .*127\\.0\\.0\\.1:8080`));
      return true;
    },
  );
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
  assert.ok(existsSync(join(directory, 'lock.json')), 'the killed holder could not clean up');
  acquireStateLock(directory, info).release();
});

test('one process cannot take it twice, and release gives it back', (t) => {
  const directory = join(directoryFor(t), 'made', 'on the way');
  const lock = acquireStateLock(directory, info);
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  assert.throws(() => acquireStateLock(directory, info), StateLockedError);
  lock.release();
  assert.ok(!existsSync(join(directory, 'lock.json')));
  const again = acquireStateLock(directory, info);
  lock.release();
  assert.throws(() => acquireStateLock(directory, info), StateLockedError);
  again.release();
});

test('a port that somebody listens on is found out, also when he would share it', async (t) => {
  for (const reusePort of [false, process.platform === 'linux']) {
    const server = createServer();
    t.after(() => server.close());
    server.listen({ host: '127.0.0.1', port: 0, reusePort });
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await assert.rejects(probePorts([{ host: '127.0.0.1', port }]), /already listens on 127\.0\.0\.1:\d+/);
    server.close();
    await once(server, 'close');
    await probePorts([{ host: '127.0.0.1', port }]);
  }
  await probePorts([{ host: '127.0.0.1', port: 0 }]);
});

test('an address of another machine is named', async () => {
  await assert.rejects(probePorts([{ host: '203.0.113.1', port: 8080 }]), /203\.0\.113\.1:8080/);
});
