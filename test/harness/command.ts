import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import type { TestContext } from 'node:test';
import { bareEnvironment } from '../../src/cli/testing/environment.ts';

const entry = resolve('src/cli/sluice.ts');

export interface StartedCommand {
  readonly url: string;
  readonly adminUrl: string;
  /** What it had said on standard error when it was ready: the banner. */
  readonly banner: string;
  /** Ends it as a supervisor does, and gives its exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL, at once; resolves when it is gone. */
  kill(): Promise<void>;
  /** All it has said on standard error until now. */
  said(): string;
}

const root = mkdtempSync(join(tmpdir(), 'sluice-page-'));
// Not before everything that a test has started there has ended.
process.on('exit', () => rmSync(root, { recursive: true, force: true }));

/** An empty folder, as somebody has it who follows a page; removed with this process. */
export const emptyFolder = (): string => mkdtempSync(join(root, 'folder-'));

const environment = (more: Readonly<Record<string, string>>) =>
  bareEnvironment({ PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter), ...more });

export interface Surroundings {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs `sluice start` in a folder, on free ports, until it has said its banner. */
export async function startCommand(
  t: TestContext,
  { cwd, env = {}, args = [] }: Surroundings & { args?: readonly string[] },
): Promise<StartedCommand> {
  const child: ChildProcess = spawn(
    process.execPath,
    ['--conditions=source', entry, 'start', '--port', '0', '--admin-port', '0', '--threads', '1', ...args],
    { cwd, env: environment(env), stdio: ['ignore', 'ignore', 'pipe'] },
  );
  t.after(() => void child.kill('SIGKILL'));
  const closed = once(child, 'close') as Promise<[number | null]>;
  let said = '';
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  // The banner is one write; what comes with it is its end, or the reason why there is none.
  const ended = closed.then(() => {
    throw new Error(`the gateway was to start, but said: ${said}`);
  });
  while (!/\n {2}Providers .*\n/.test(said)) await Promise.race([once(child.stderr!, 'data'), ended]);
  ended.catch(() => {});
  const address = (name: RegExp) => name.exec(said)![1]!;
  return {
    url: address(/Sluice listens on (https?:\S+)/),
    adminUrl: address(/Admin +(http:\S+)/),
    banner: said,
    async stop() {
      child.kill('SIGTERM');
      return (await closed)[0];
    },
    async kill() {
      child.kill('SIGKILL');
      await closed;
    },
    said: () => said,
  };
}

export interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs lines of shell; in them `sluice` is the command as the sources have it. */
export function runShell(lines: string, { cwd, env = {} }: Surroundings): Ran {
  const alias = `sluice() { '${process.execPath}' --conditions=source '${entry}' "$@"; }\n`;
  const { status, stdout, stderr } = spawnSync('sh', ['-c', alias + lines], {
    cwd,
    env: environment(env),
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, out: stdout, err: stderr };
}
