import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';

export interface TestPostgres {
  readonly port: number;
  /** A database of its own, which is empty. */
  createDatabase(): Promise<string>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it anew on its port and folder: what was committed is there again. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** A PostgreSQL server of its own, on a free port of 127.0.0.1, with its files in a temporary folder. */
export async function startPostgres(): Promise<TestPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-postgres-'));
  const data = join(folder, 'data');
  mkdirSync(data);
  // It does not run as root.
  const user = process.getuid?.() === 0 ? userOfPostgres() : null;
  if (user) for (const each of [folder, data]) chownSync(each, user.uid, user.gid);
  const as = { ...user, cwd: folder };
  const made = spawnSync(
    command('initdb'),
    ['-D', data, '-U', 'sluice', '--auth=trust', '--no-sync', '-E', 'UTF8', '--locale=C'],
    { ...as, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  if (made.status !== 0)
    throw new Error('initdb failed (Debian: apt-get install postgresql)', { cause: made.error });
  const port = await freePort();
  let child = await spawnServer();
  let databases = 0;

  async function spawnServer(): Promise<ChildProcess> {
    const settings = [
      ...[`listen_addresses=127.0.0.1`, `port=${port}`, `unix_socket_directories=`, `shared_buffers=32MB`],
      ...['fsync=off', 'max_connections=200'],
    ];
    const started = spawn(command('postgres'), ['-D', data, ...settings.flatMap((each) => ['-c', each])], {
      ...as,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    started.stderr!.setEncoding('utf8').on('data', (text: string) => (said += text));
    while (!(await answers())) {
      if (started.exitCode !== null) throw new Error(`postgres ended as it started:\n${said}`);
      await turn();
    }
    return started;
  }

  async function answers(): Promise<boolean> {
    const client = new Client(`postgres://sluice@127.0.0.1:${port}/postgres`);
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.end();
      return true;
    } catch {
      return false;
    }
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  // What a test leaves behind when it dies would hold its port and folder.
  const atExit = () => void child.kill('SIGQUIT');
  process.on('exit', atExit);
  return {
    port,
    async createDatabase() {
      const name = `sluice_${(databases += 1)}`;
      const client = new Client(`postgres://sluice@127.0.0.1:${port}/postgres`);
      await client.connect();
      await client.query(`CREATE DATABASE ${name}`);
      await client.end();
      return `postgres://sluice@127.0.0.1:${port}/${name}`;
    },
    kill: () => end('SIGQUIT'),
    async restart() {
      await end('SIGQUIT');
      child = await spawnServer();
    },
    async stop() {
      await end('SIGQUIT');
      process.off('exit', atExit);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Debian keeps its commands out of the PATH, by version. */
function command(name: string): string {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const found = versions.map((version) => join(root, version, 'bin', name)).find((path) => existsSync(path));
  return found ?? name;
}

function userOfPostgres(): { uid: number; gid: number } {
  const id = (flag: string) => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 20));
