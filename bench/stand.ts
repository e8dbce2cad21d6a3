import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Programs } from './build.ts';
import { Children, mayRunRealtime, setRealtime, type Child } from './children.ts';
import { readCollections } from './collections.ts';
import { renderLoadArguments, startLoad, type LoadReport, type LoadRequest, type LoadRun } from './load.ts';
import type { Options } from './options.ts';
import { readCoreBusySeconds, readCpuSeconds } from './process-figures.ts';
import { bearerPrefix, type Running, type Variant } from './variants/variant.ts';

/** A variant that runs. */
export interface Subject {
  readonly variant: Variant;
  readonly running: Running;
}

export interface Measured {
  readonly load: LoadReport;
  /** Of the gateway, in the measured window. Absent when nothing is between load and upstream. */
  readonly cpuSeconds?: number;
  readonly coreShare?: number;
  /** Of the core that load and upstream share: near 1 it is they who are measured. */
  readonly loadCoreShare: number;
  /** What other processes took of the two cores: what a figure on a machine that is not quiet has to be read with. */
  readonly othersShare: number;
  /** Share of the window spent in garbage collection, and the longest pause since the gateway started. */
  readonly collectionShare?: number;
  readonly longestPauseSeconds?: number;
}

export type Request = Omit<LoadRequest, 'port'>;

/** The place where variants are measured: upstream, load generator, cores, and the processes of it all. */
export class Stand {
  readonly options: Options;
  readonly realtime: boolean;
  readonly #programs: Programs;
  readonly #children = new Children();
  readonly #directories: string[] = [];
  upstreamPort = 0;
  #upstream: Child | null = null;

  constructor(options: Options, programs: Programs) {
    this.options = options;
    this.#programs = programs;
    this.realtime = options.realtime && mayRunRealtime();
  }

  async open(): Promise<void> {
    this.#upstream = this.#children.start([this.#programs.upstream], { core: this.options.loadCore });
    const [line] = (await once(this.#upstream.stdout, 'data')) as [Buffer];
    this.upstreamPort = Number(line.toString());
  }

  async startVariant(variant: Variant, { threads = 1, keys = 10, otherRoutes = 0 } = {}): Promise<Subject> {
    const directory = mkdtempSync(join(tmpdir(), `bench-${variant.name}-`));
    this.#directories.push(directory);
    const running = await variant.start({
      children: this.#children,
      core: this.options.gatewayCore,
      loadCore: this.options.loadCore,
      upstreamPort: this.upstreamPort,
      directory,
      threads,
      keys,
      otherRoutes,
    });
    return { variant, running };
  }

  async endVariant({ running }: Subject): Promise<void> {
    if (running.child) await this.#children.end(running.child);
  }

  /** Starts a load and leaves it running. Its report still has to be awaited. */
  hold({ running }: Subject, request: Request): LoadRun {
    const { args, limitMs } = renderLoadArguments({
      bearer: `${bearerPrefix}000000`,
      ...request,
      port: running.port,
    });
    // Before a full load, generator and upstream work best by turns; where delays are timed, neither may wait.
    const realtime = this.realtime && request.mode !== 'closed';
    if (this.realtime) setRealtime(this.#upstream!.pid!, realtime);
    const run = startLoad(this.#children, [this.#programs.load, ...args], {
      core: this.options.loadCore,
      realtime,
    });
    const timer = setTimeout(() => run.child.kill('SIGKILL'), limitMs);
    run.child.once('exit', () => clearTimeout(timer));
    return run;
  }

  /** Runs a load to its end, and reads what the gateway used while it was measured. */
  async measure(subject: Subject, request: Request): Promise<Measured> {
    const run = this.hold(subject, request);
    await run.begun;
    const before = await this.#read(subject);
    await run.ended;
    const after = await this.#read(subject);
    const load = await run.report;
    const wallSeconds = after.at - before.at;
    const cpuSeconds = difference(after.cpuSeconds, before.cpuSeconds);
    const seconds = difference(after.collections?.seconds, before.collections?.seconds);
    return {
      load,
      cpuSeconds,
      coreShare: cpuSeconds === undefined ? undefined : cpuSeconds / wallSeconds,
      loadCoreShare: (after.loadCoreSeconds - before.loadCoreSeconds) / wallSeconds,
      othersShare: Math.max(0, after.othersSeconds - before.othersSeconds - load.cpuSeconds) / wallSeconds,
      collectionShare: seconds === undefined ? undefined : seconds / wallSeconds,
      longestPauseSeconds: after.collections?.longestPauseSeconds,
    };
  }

  async #read({ running }: Subject) {
    const cpuSeconds = running.child?.pid === undefined ? undefined : readCpuSeconds(running.child.pid);
    const loadCoreSeconds = readCoreBusySeconds(this.options.loadCore);
    const cores = loadCoreSeconds + readCoreBusySeconds(this.options.gatewayCore);
    const upstreamSeconds = readCpuSeconds(this.#upstream!.pid!);
    const at = performance.now() / 1000;
    const collections = running.adminPort === null ? undefined : await readCollections(running.adminPort);
    return {
      at,
      cpuSeconds,
      loadCoreSeconds,
      othersSeconds: cores - (cpuSeconds ?? 0) - upstreamSeconds,
      collections,
    };
  }

  async close(): Promise<void> {
    await this.#children.endAll();
    for (const directory of this.#directories) rmSync(directory, { recursive: true, force: true });
  }
}

function difference(after: number | undefined, before: number | undefined): number | undefined {
  return after === undefined || before === undefined ? undefined : after - before;
}
