import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const suite = fileURLToPath(
  new URL('../../clients/node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url),
);

export type Revision = '2025-11-25' | '2026-07-28';

export interface SuiteResult {
  /** Of the scenarios that count. */
  readonly passed: readonly string[];
  readonly failed: readonly string[];
  /** All that it said, for people. */
  readonly said: string;
}

/** Runs the protocol's conformance suite for servers of one revision against an address. */
export async function runSuite(url: string, revision: Revision): Promise<SuiteResult> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-mcp-'));
  const args = [suite, 'server', '--url', url, '--requirements', revision];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  await new Promise((resolve) => child.on('close', resolve));
  rmSync(folder, { recursive: true, force: true });
  const summary = said.slice(said.indexOf('=== SUMMARY ==='));
  const unscored = new Set([...summary.matchAll(/^ {2}[✓✗] (\S+) \(/gm)].map(([, name]) => name));
  const named = (mark: string) =>
    [...summary.matchAll(new RegExp(`^${mark} (\\S+): `, 'gm'))]
      .map(([, name]) => name!)
      .filter((name) => !unscored.has(name));
  return { passed: named('✓'), failed: named('✗'), said };
}
