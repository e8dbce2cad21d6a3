/**
 * `npm test`: types, lint, then every suite. `--long` runs the full counts and prints what was counted; with
 * `--figures docs/figures.md` that page is written too, if all passed. What a suite needs beyond npm's packages is
 * installed from Debian's when we may.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildConsole } from './build-console.ts';
import { bundleSource } from './bundle-source.ts';
import { readFigures, renderFigures, writeFigures } from './figures.ts';

const { long, figures: figuresPage } = parseArgs({
  options: { long: { type: 'boolean', default: false }, figures: { type: 'string' } },
}).values;

function step(title: string, command: string, args: readonly string[]): void {
  console.log(`── ${title}`);
  const { status } = spawnSync(command, args, { stdio: 'inherit', env: process.env });
  if (status !== 0) {
    console.log(`✖ ${title} failed`);
    process.exit(status ?? 1);
  }
}

/** Commands that tests call, and the packages that have them. Debian keeps PostgreSQL's out of the way of PATH. */
const needed: Readonly<Record<string, string>> = {
  openssl: 'openssl',
  curl: 'curl',
  'redis-server': 'redis-server',
  initdb: 'postgresql',
  prometheus: 'prometheus',
  chromium: 'chromium',
};
const isThere = (command: string) =>
  spawnSync('sh', ['-c', `command -v ${command} || ls /usr/lib/postgresql/*/bin/${command}`]).status === 0;
const missing = Object.entries(needed).filter(([command]) => !isThere(command));
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
console.log('── console');
buildConsole();
step('types', 'tsc', ['--noEmit', '-p', '.']);
step('types of the console', 'tsc', ['-p', 'console']);
step('lint', process.execPath, ['scripts/lint.ts']);

// The suites start hundreds of gateways, of several hundred modules in each thread: they are compiled once.
const cache = resolve('node_modules/.cache/tests');
mkdirSync(cache, { recursive: true });
process.env['NODE_COMPILE_CACHE'] ??= join(cache, 'compiled');
process.env['NODE_OPTIONS'] = `${process.env['NODE_OPTIONS'] ?? ''} --import=${await bundleSource(cache)}`;

console.log('── tests');
const folder = mkdtempSync(join(tmpdir(), 'sluice-figures-'));
const counted = join(folder, 'counted.json');
const cases = join(folder, 'cases.jsonl');
const startedMs = Date.now();
const { status } = spawnSync(
  process.execPath,
  [
    '--conditions=source',
    ...(long ? ['--import=./scripts/count-properties.ts'] : []),
    '--test',
    '--test-concurrency=3',
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=./scripts/figures-reporter.ts',
    `--test-reporter-destination=${counted}`,
    'src/**/*.test.ts',
    'simulator/**/*.test.ts',
    'bench/**/*.test.ts',
    'test/**/*.test.ts',
  ],
  { stdio: 'inherit', env: { ...process.env, ...(long ? { SLUICE_LONG: '1', SLUICE_CASES: cases } : {}) } },
);
if (status === 0 && long) {
  const figures = readFigures({ counted, cases });
  const minutes = Math.round((Date.now() - startedMs) / 60_000);
  console.log(`── figures\n${renderFigures(figures)}`);
  if (figuresPage) writeFigures(figuresPage, { figures, minutes });
}
rmSync(folder, { recursive: true, force: true });
process.exit(status ?? 1);
