import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** What the owner of a state directory says of itself, for whoever finds it locked. */
export interface LockInfo {
  /** As `host:port`. */
  readonly listen: string;
}

export interface LockHolder extends LockInfo {
  readonly startedAtMs: number;
  readonly pid: number;
  readonly host: string;
}

export interface StateLock {
  /** Harmless when it is called twice. */
  release(): void;
}

export class StateLockedError extends Error {
  /** Null when the holder has not written itself down yet. */
  readonly holder: LockHolder | null;

  constructor(directory: string, holder: LockHolder | null) {
    super(`The state directory ${directory} is in use by ${holder ? describe(holder) : 'another process'}.`);
    this.name = 'StateLockedError';
    this.holder = holder;
  }
}

const sqliteBusy = 5;

/**
 * Takes the state directory for this process, making it if need be. The lock is the kernel's (fcntl on `lock.db`, which
 * holds nothing), so it ends with the process however that ends; `lock.json` beside it is only for people to read.
 * A network file system without working fcntl locks cannot keep two owners apart.
 * @throws StateLockedError naming the holder.
 */
export function acquireStateLock(directory: string, info: LockInfo): StateLock {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const holderPath = join(directory, 'lock.json');
  const database = new DatabaseSync(join(directory, 'lock.db'), { timeout: 0 });
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode !== sqliteBusy) throw error;
    throw new StateLockedError(directory, readHolder(holderPath));
  }
  const holder: LockHolder = {
    ...info,
    pid: process.pid,
    host: hostname(),
    startedAtMs: Date.now(),
  };
  try {
    writeFileSync(`${holderPath}.new`, `${JSON.stringify(holder, null, 2)}\n`, { mode: 0o600 });
    renameSync(`${holderPath}.new`, holderPath);
  } catch (error) {
    database.close();
    throw error;
  }
  let held = true;
  const release = (): void => {
    if (!held) return;
    held = false;
    process.off('exit', release);
    rmSync(holderPath, { force: true });
    database.close();
  };
  // Also what keeps the handle from the garbage collector, which would close it, and the lock with it, as soon as a
  // caller lets go of what it was given.
  process.on('exit', release);
  return { release };
}

function readHolder(path: string): LockHolder | null {
  try {
    const holder = JSON.parse(readFileSync(path, 'utf8')) as LockHolder;
    return Number.isInteger(holder.pid) && Number.isFinite(holder.startedAtMs) ? holder : null;
  } catch {
    return null;
  }
}

function describe({ pid, host, listen, startedAtMs }: LockHolder): string {
  const since = new Date(startedAtMs).toISOString();
  return `process ${pid} on ${host} (listening on ${listen}, since ${since})`;
}

export interface Address {
  readonly host: string;
  readonly port: number;
  readonly ipv6Only?: boolean;
}

/**
 * Proves that nobody listens there, by an ordinary bind: the workers' own `reusePort` listeners would silently share
 * the port, and its traffic, with another process. Port 0 is always free. Each is held until all are, so that two
 * addresses that are in each other's way (`::` and `0.0.0.0`) are found, too.
 * @throws Error saying why the address cannot be used.
 */
export async function probePorts(addresses: readonly Address[]): Promise<void> {
  const held: Server[] = [];
  try {
    for (const address of addresses) if (address.port !== 0) held.push(await bind(address));
  } finally {
    await Promise.all(
      held.map((server) => new Promise<void>((resolve) => void server.close(() => resolve()))),
    );
  }
}

function bind({ host, port, ipv6Only = false }: Address): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
      reject(new Error(explain(error, address), { cause: error }));
    });
    server.listen({ host, port, ipv6Only, exclusive: true }, () => resolve(server));
  });
}

function explain(error: NodeJS.ErrnoException, address: string): string {
  if (error.code === 'EADDRINUSE') return `Something already listens on ${address}.`;
  if (error.code === 'EACCES') return `This user may not listen on ${address}.`;
  if (error.code === 'EADDRNOTAVAIL') return `This machine does not have the address of ${address}.`;
  return `Cannot listen on ${address}: ${error.message}.`;
}
