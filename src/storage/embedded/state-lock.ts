import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
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

/**
 * Proves that nobody listens there, by an ordinary bind: the workers' own `reusePort` listeners would silently share
 * the port, and its traffic, with another process. Port 0 is always free.
 * @throws Error saying why the address cannot be used.
 */
export async function probePort(host: string, port: number): Promise<void> {
  if (port === 0) return;
  await new Promise<void>((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new Error(explain(error, `${host}:${port}`), { cause: error }));
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()));
  });
}

function explain(error: NodeJS.ErrnoException, address: string): string {
  if (error.code === 'EADDRINUSE') return `Something already listens on ${address}.`;
  if (error.code === 'EACCES') return `This user may not listen on ${address}.`;
  if (error.code === 'EADDRNOTAVAIL') return `This machine does not have the address of ${address}.`;
  return `Cannot listen on ${address}: ${error.message}.`;
}
