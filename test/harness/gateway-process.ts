import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { bareEnvironment } from '../../src/cli/testing/environment.ts';
import { spawnSluice } from '../../src/cli/testing/spawn-sluice.ts';
import { adminToken } from './gateway.ts';

const entry = fileURLToPath(new URL('../../src/cli/sluice.ts', import.meta.url));

export interface GatewayProcess {
  readonly folder: string;
  readonly stateDirectory: string;
  url: string;
  adminUrl: string;
  /** All of standard error so far. */
  said(): string;
  /** All of standard output so far: the access log. */
  logged(): string;
  admin(path: string, init?: RequestInit): Promise<Response>;
  /** A command line that speaks with it. */
  sluice(...args: string[]): Promise<{ code: number | null; out: string; err: string }>;
  /** Does it run? A stopped one does, too. */
  runs(): boolean;
  /** SIGSTOP and SIGCONT: it stands still, with its connections open, and goes on. */
  pause(): void;
  resume(): void;
  /** SIGTERM, or another signal; resolves with the exit code. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
  /** Starts it again on the same folder, once it has ended; other arguments may follow. */
  start(...more: string[]): Promise<void>;
  /** Ends it, where it runs, and removes its folder. */
  remove(): Promise<void>;
}

export interface GatewayProcessOptions {
  /** Its own file; null: it is started without one. */
  readonly file: object | null;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A gateway in a process of its own, on free ports, with its state in a folder of its own. Rejects when it ends at once. */
export async function startGatewayProcess(options: GatewayProcessOptions): Promise<GatewayProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-process-'));
  const stateDirectory = join(folder, 'state');
  const configPath = join(folder, 'sluice.yaml');
  if (options.file) writeFileSync(configPath, stringify(options.file));
  const env = bareEnvironment({ SLUICE_ADMIN_TOKEN: adminToken, ...options.env });
  let child: ChildProcess | null = null;
  let said = '';
  let logged = '';
  const gateway: GatewayProcess = {
    folder,
    stateDirectory,
    url: '',
    adminUrl: '',
    said: () => said,
    logged: () => logged,
    admin: (path, init = {}) =>
      fetch(`${gateway.adminUrl}${path}`, {
        ...init,
        headers: { authorization: `Bearer ${adminToken}`, ...init.headers },
      }),
    sluice: (...args) =>
      spawnSluice([...args, '--admin', gateway.adminUrl], {
        cwd: folder,
        env: { SLUICE_ADMIN_TOKEN: adminToken },
      }),
    runs: () => child !== null && child.exitCode === null && child.signalCode === null,
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    async end(signal = 'SIGTERM') {
      if (!gateway.runs()) return child?.exitCode ?? null;
      const exited = once(child!, 'exit');
      child!.kill(signal);
      const [code] = (await exited) as [number | null];
      return code;
    },
    async start(...more) {
      said = '';
      const started = spawn(
        process.execPath,
        [
          ...['--conditions=source', entry, 'start', '--state', stateDirectory, '--threads', '1'],
          ...['--port', '0', '--admin-port', '0', ...(options.file ? ['--config', configPath] : [])],
          ...(options.args ?? []),
          ...more,
        ],
        { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] },
      );
      child = started;
      started.stdout!.setEncoding('utf8').on('data', (text: string) => (logged += text));
      started.stderr!.setEncoding('utf8').on('data', (text: string) => (said += text));
      while (!/\n  Providers .*\n/.test(said)) {
        if (started.exitCode !== null) throw new Error(`the gateway has ended:\n${said}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      gateway.adminUrl = readFileSync(join(stateDirectory, 'admin-url'), 'utf8').trim();
      const { listen } = (await (await gateway.admin('/v1/status')).json()) as { listen: string };
      gateway.url = `http://127.0.0.1:${/:(\d+)/.exec(listen)![1]}`;
    },
    async remove() {
      await gateway.end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    await gateway.start();
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return gateway;
}
