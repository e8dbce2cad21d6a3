import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';

/** A PostgreSQL server of a test's own. Nothing outlives the process that started it, however that ends. */
export interface TestPostgres {
  readonly port: number;
  /** Runs one of its own programs, such as `pg_dump`. @throws Error with what it said. */
  run(program: string, args: readonly string[]): void;
  /** A database of its own, which is empty: its URL. */
  createDatabase(): Promise<string>;
  /** Takes its processes' time away: connections stay and nobody answers. */
  pause(): void;
  resume(): void;
  /** Ends it as a crash of the machine would, short of what was not on the disk. */
  kill(): Promise<void>;
  /** Starts it again on its port and folder: what was committed is there. One that runs is ended before. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** The server dies with the pipe to whoever started it; its own answer to the end of the pipe is `immediate`. */
const guard =
  '"$@" & pid=$!; (read -r _; kill -QUIT $pid) <&3 & guard=$!; wait $pid; kill $guard 2>/dev/null';
const startMs = 60_000;

/** Where Debian's packages and PATH have the programs. @throws Error when there are none. */
function programs(): string {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const found = versions
    .map((version) => join(debian, version, 'bin'))
    .find((bin) => existsSync(join(bin, 'initdb')));
  if (found) return found;
  const { stdout } = spawnSync('pg_config', ['--bindir'], { encoding: 'utf8' });
  if (stdout?.trim()) return stdout.trim();
  throw new Error('The tests need a PostgreSQL server: the package `postgresql` of Debian.');
}

/** Who may run it: it refuses root. */
function owner(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const idOf = (flag: string) => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout);
  return { uid: idOf('-u'), gid: idOf('-g') };
}

const freePort = () =>
  new Promise<number>((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });

export async function startPostgres(): Promise<TestPostgres> {
  const server = new Server(programs(), await freePort());
  await server.restart();
  return server;
}

class Server implements TestPostgres {
  readonly port: number;
  readonly #bin: string;
  readonly #as = owner();
  readonly #folder = mkdtempSync(join(tmpdir(), 'sluice-postgres-'));
  readonly #data = join(this.#folder, 'data');
  #child: ChildProcess | null = null;
  #databases = 0;

  constructor(bin: string, port: number) {
    this.port = port;
    this.#bin = bin;
    // A test that fails may not come to stop it; its pipe ends it, and this its files.
    process.once('exit', () => rmSync(this.#folder, { recursive: true, force: true }));
    if (this.#as.uid !== undefined) chownSync(this.#folder, this.#as.uid, this.#as.gid!);
    const flags = ['-D', this.#data, '-U', 'sluice', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync'];
    const made = spawnSync(join(bin, 'initdb'), flags, { ...this.#as, cwd: this.#folder, encoding: 'utf8' });
    if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`);
  }

  run(program: string, args: readonly string[]): void {
    const done = spawnSync(join(this.#bin, program), args, { encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`${program}: ${done.stderr}`);
  }

  async createDatabase(): Promise<string> {
    this.#databases += 1;
    const name = `sluice_${this.#databases}`;
    await this.#sql(`CREATE DATABASE ${name}`);
    return `postgres://sluice@127.0.0.1:${this.port}/${name}`;
  }

  pause(): void {
    for (const pid of this.#processes()) process.kill(pid, 'SIGSTOP');
  }

  resume(): void {
    for (const pid of this.#processes()) process.kill(pid, 'SIGCONT');
  }

  async kill(): Promise<void> {
    const pids = this.#processes();
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await this.#ended();
  }

  async restart(): Promise<void> {
    if (this.#isRunning()) await this.kill();
    await this.#start();
  }

  async #start(): Promise<void> {
    // What is written is in the page cache, which no killed process takes along; a test needs no disk.
    const settings = {
      fsync: 'off',
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      max_connections: 200,
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const command = [join(this.#bin, 'postgres'), '-D', this.#data, '-p', String(this.port), ...flags];
    this.#child = spawn('sh', ['-c', guard, 'sh', ...command], {
      ...this.#as,
      cwd: this.#folder,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    let said = '';
    this.#child.stderr!.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4_000)));
    const child = this.#child;
    for (const until = Date.now() + startMs; ;) {
      if (
        await this.#sql('SELECT 1').then(
          () => true,
          () => false,
        )
      )
        break;
      if (child.exitCode !== null || Date.now() > until) throw new Error(`PostgreSQL did not start: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    // It keeps nobody waiting: the process may end, and with it the pipe.
    child.unref();
    for (const stream of [child.stderr, child.stdio[3]]) (stream as unknown as { unref(): void }).unref();
  }

  async stop(): Promise<void> {
    if (this.#isRunning()) {
      this.resume();
      (this.#child!.stdio[3] as unknown as { destroy(): void }).destroy();
      await this.#ended();
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #isRunning(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async #ended(): Promise<void> {
    const child = this.#child!;
    child.ref();
    if (child.exitCode === null && child.signalCode === null)
      await new Promise((resolve) => child.once('exit', resolve));
  }

  /** The server and its children. */
  #processes(): number[] {
    const pid = Number(readFileSync(join(this.#data, 'postmaster.pid'), 'utf8').split('\n')[0]);
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return [pid, ...(children === '' ? [] : children.split(' ').map(Number))];
  }

  async #sql(text: string): Promise<void> {
    const url = `postgres://sluice@127.0.0.1:${this.port}/postgres`;
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
    client.on('error', () => undefined);
    await client.connect();
    await client.query(text).finally(() => client.end());
  }
}
