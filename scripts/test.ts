/**
 * `npm test`: types, lint, then every suite. `--long` runs the full counts. What a suite needs beyond npm's packages is
 * installed from Debian's when we may.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';

const long = process.argv.includes('--long');

function step(title: string, command: string, args: readonly string[]): void {
  console.log(`── ${title}`);
  const { status } = spawnSync(command, args, { stdio: 'inherit', env: process.env });
  if (status !== 0) {
    console.log(`✖ ${title} failed`);
    process.exit(status ?? 1);
  }
}

/** Commands that tests call, and the packages that have them. */
const needed: Readonly<Record<string, string>> = { openssl: 'openssl', curl: 'curl' };
const missing = Object.entries(needed).filter(([command]) => spawnSync('which', [command]).status !== 0);
if (missing.length) {
  const packages = missing.map(([, name]) => name);
  if (process.getuid?.() !== 0) {
    console.log(`The tests need ${packages.join(', ')}. Install them, or run as root on Debian.`);
    process.exit(1);
  }
  step('Debian packages', 'sh', ['-c', `apt-get update -q && apt-get install -y -q ${packages.join(' ')}`]);
}

const installed = 'test/clients/node_modules/.package-lock.json';
if (
  !existsSync(installed) ||
  statSync(installed).mtimeMs < statSync('test/clients/package-lock.json').mtimeMs
) {
  step('official clients', 'npm', ['ci', '--prefix', 'test/clients', '--no-audit', '--no-fund']);
}
step('types', 'tsc', ['--noEmit', '-p', '.']);
step('lint', process.execPath, ['scripts/lint.ts']);

console.log('── tests');
const { status } = spawnSync(
  process.execPath,
  [
    '--conditions=source',
    '--test',
    '--test-concurrency=2',
    'src/**/*.test.ts',
    'simulator/**/*.test.ts',
    'bench/**/*.test.ts',
    'test/**/*.test.ts',
  ],
  { stdio: 'inherit', env: { ...process.env, ...(long ? { SLUICE_LONG: '1' } : {}) } },
);
process.exit(status ?? 1);
