import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { TestContext } from 'node:test';

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Started {
  readonly url: string;
  readonly adminUrl: string;
  readonly banner: string;
  /** As Ctrl-C does, all processes of the group; or only the one that was started, as a supervisor does. */
  stop(signal: 'Ctrl-C' | 'SIGTERM'): Promise<number | null>;
}

/** A folder that looks like a fresh checkout after `npm ci`, so that commands run as a reader types them. */
export function makeCheckout(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-checkout-'));
  const running = new Set<ChildProcess>();
  context.after(async () => {
    for (const child of running) {
      signalAll(child, 'SIGKILL');
      await once(child, 'close');
    }
    rmSync(folder, { recursive: true });
  });
  for (const entry of readdirSync('.'))
    if (!['.git', '.sluice', 'dist'].includes(entry)) symlinkSync(resolve(entry), join(folder, entry));

  /** No provider's key and no setting of ours comes from the machine that tests. */
  const clean = {
    PATH: process.env['PATH'],
    HOME: folder,
    NO_COLOR: '1',
    npm_config_update_notifier: 'false',
  };

  function start(line: string, env: Record<string, string> = {}): ChildProcess {
    // A group of its own: npm and the shell between us and the command get its signals, too.
    const child = spawn('sh', ['-c', line], { cwd: folder, env: { ...clean, ...env }, detached: true });
    running.add(child);
    child.once('close', () => running.delete(child));
    return child;
  }

  async function run(line: string, env: Record<string, string> = {}): Promise<Ran> {
    const child = start(line, env);
    let out = '';
    let err = '';
    child.stdout!.setEncoding('utf8').on('data', (chunk: string) => (out += chunk));
    child.stderr!.setEncoding('utf8').on('data', (chunk: string) => (err += chunk));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, out, err };
  }

  /** Runs a line until it has said something; then does something with it, and ends it by SIGTERM. */
  async function runUntil(
    line: string,
    said: RegExp,
    then: (match: RegExpExecArray) => Promise<void>,
  ): Promise<Ran> {
    const child = start(`exec ${line}`);
    const closed = once(child, 'close') as Promise<[number | null]>;
    let out = '';
    let err = '';
    child.stderr!.setEncoding('utf8').on('data', (chunk: string) => (err += chunk));
    const match = await new Promise<RegExpExecArray>((done, fail) => {
      child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
        out += chunk;
        const found = said.exec(out);
        if (found) done(found);
      });
      void closed.then(([code]) => fail(new Error(`ended with ${code}: ${out}${err}`)));
    });
    await then(match);
    child.kill('SIGTERM');
    const [code] = await closed;
    return { code, out, err };
  }

  async function startGateway(line: string, env: Record<string, string> = {}): Promise<Started> {
    const child = start(`exec ${line}`, env);
    child.stdout!.resume();
    const closed = once(child, 'close') as Promise<[number | null]>;
    const banner = await new Promise<string>((done, fail) => {
      let text = '';
      child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        // The banner is one write, and its list of providers comes after the addresses.
        if (/^ {2}Providers .*\n/m.test(text)) done(text);
      });
      void closed.then(([code]) => fail(new Error(`ended with ${code} before it listened: ${text}`)));
    });
    const address = (pattern: RegExp) => pattern.exec(banner)?.[1] ?? assert.fail(banner);
    return {
      url: address(/listens on (\S+)/),
      adminUrl: address(/Admin +(\S+)/),
      banner,
      async stop(signal) {
        if (signal === 'Ctrl-C') signalAll(child, 'SIGINT');
        else child.kill(signal);
        return (await closed)[0];
      },
    };
  }

  return { folder, run, runUntil, startGateway };
}

function signalAll(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid) process.kill(-child.pid, signal);
}
