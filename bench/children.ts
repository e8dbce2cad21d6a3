import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';

export type Child = ChildProcessByStdio<null, Readable, Readable>;

export interface Placement {
  readonly core: number;
  /** Run before anything ordinary on that core, so that the measuring side is never what is waited for. */
  readonly realtime?: boolean;
  readonly env?: NodeJS.ProcessEnv;
}

const endWithinMs = 10_000;

/** Every process the benchmark starts, so that none outlives it whatever happens. */
export class Children {
  #running = new Set<Child>();

  constructor() {
    process.once('exit', () => {
      for (const child of this.#running) child.kill('SIGKILL');
    });
  }

  /** Starts a program on one core. taskset and chrt replace themselves by it, so the process id is its own. */
  start(command: readonly string[], { core, realtime, env }: Placement): Child {
    const words = [...(realtime ? ['chrt', '-r', '1'] : []), 'taskset', '-c', String(core), ...command];
    const child = spawn(words[0]!, words.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: env ?? process.env,
    });
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
    child.once('error', () => this.#running.delete(child));
    return child;
  }

  /** Asks a process to end, and kills it when it does not. */
  async end(child: Child): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), endWithinMs);
    await ended;
    clearTimeout(timer);
  }

  async endAll(): Promise<void> {
    await Promise.all([...this.#running].map((child) => this.end(child)));
  }
}

/** Gives a process real-time priority, or takes it. */
export function setRealtime(pid: number, realtime: boolean): void {
  spawnSync('chrt', [...(realtime ? ['-r', '-p', '1'] : ['-o', '-p', '0']), String(pid)]);
}

/** Whether this user may give real-time priority (root, or CAP_SYS_NICE). */
export function mayRunRealtime(): boolean {
  return spawnSync('chrt', ['-r', '1', 'true']).status === 0;
}
