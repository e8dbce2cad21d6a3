import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Linux reports CPU times in ticks of USER_HZ, which is 100 on every architecture Node runs on (man 5 proc). */
const ticksPerSecond = 100;

/** CPU time that all threads of a process have used, in seconds. */
export function readCpuSeconds(pid: number): number {
  return readTicks(`/proc/${pid}/stat`) / ticksPerSecond;
}

/** Time a core spent on anything but idling, in seconds since boot. */
export function readCoreBusySeconds(core: number): number {
  const line = readFileSync('/proc/stat', 'utf8')
    .split('\n')
    .find((text) => text.startsWith(`cpu${core} `));
  if (line === undefined) throw new Error(`no core ${core}`);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = line.split(/\s+/).slice(1).map(Number);
  return (user + nice + system + irq + softirq) / ticksPerSecond;
}

export interface Memory {
  readonly rssBytes: number;
  /** Pages shared with other processes counted by their share. */
  readonly pssBytes: number;
}

/** Memory of a process. Sockets' buffers belong to the kernel and are not in it. */
export function readMemory(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kilobytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]);
  return { rssBytes: kilobytes('Rss') * 1024, pssBytes: kilobytes('Pss') * 1024 };
}

/** Pins the threads of a process that have worked most so far, one to each of the cores. */
export function pinBusiestThreads(pid: number, cores: readonly number[]): void {
  const threads = readdirSync(`/proc/${pid}/task`).map((id) => ({
    id,
    ticks: readTicks(`/proc/${pid}/task/${id}/stat`),
  }));
  threads.sort((a, b) => b.ticks - a.ticks);
  for (const [index, core] of cores.entries()) {
    const thread = threads[index];
    if (thread !== undefined)
      execFileSync('taskset', ['-p', '-c', String(core), thread.id], { stdio: 'ignore' });
  }
}

function readTicks(path: string): number {
  const text = readFileSync(path, 'utf8');
  // The second field is the program's name in parentheses, and may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
