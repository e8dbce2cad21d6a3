/**
 * Compiles src/ to dist/, which is what the published package runs, and builds the console beside it. Names like #core/x.ts lead
 * there by package.json.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildConsole } from './build-console.ts';

/** What others write code against (`exports` of package.json): these have types. */
const typed = [
  'extensions/policy',
  'extensions/policy-definition',
  'extensions/policy-events',
  'extensions/policy-conversation',
  'extensions/text-hold',
  'workbench/policy-testing',
];

function compile(...args: readonly string[]): void {
  const { status } = spawnSync('tsc', args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

rmSync('dist', { recursive: true, force: true });
compile('-p', 'tsconfig.build.json');
const folder = mkdtempSync(join(tmpdir(), 'sluice-types-'));
compile('-p', 'tsconfig.types.json', '--outDir', folder);
for (const name of typed) {
  const types = readFileSync(join(folder, `${name}.d.ts`), 'utf8');
  writeFileSync(join('dist', `${name}.d.ts`), types.replaceAll(/(from '\.[\w./-]+)\.ts'/g, "$1.js'"));
}
rmSync(folder, { recursive: true });
cpSync(buildConsole(), 'dist/console', { recursive: true });
