/**
 * Builds the console into `dist/console`, where the admin port serves it from (`npm run console`). What is built is kept by
 * the sources that it was built from: whoever asks again has it at once.
 */
import { spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const sources = 'console';
const cache = 'node_modules/.cache/console';

function run(command: string, ...args: readonly string[]): void {
  const { status } = spawnSync(command, args, { stdio: ['ignore', 2, 2], env: process.env });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed`);
}

/** The packages that it is built with, apart from the gateway's own. Its types are checked with them, too. */
function installConsole(): void {
  const installed = join(sources, 'node_modules/.package-lock.json');
  const isNew = () => statSync(installed).mtimeMs >= statSync(join(sources, 'package-lock.json')).mtimeMs;
  if (!existsSync(installed) || !isNew())
    run('npm', 'ci', '--prefix', sources, '--ignore-scripts', '--no-audit', '--no-fund');
}

/** Returns the folder with the built files. @throws Error */
export function buildConsole(): string {
  const built = resolve(cache, digestOf(sources));
  if (existsSync(built)) return built;
  installConsole();
  mkdirSync(cache, { recursive: true });
  const folder = resolve(cache, `building-${process.pid}`);
  run(
    process.execPath,
    join(sources, 'node_modules/vite/bin/vite.js'),
    'build',
    sources,
    '--outDir',
    folder,
    '--emptyOutDir',
    '--logLevel',
    'warn',
  );
  for (const name of readdirSync(join(folder, 'assets'))) compress(join(folder, 'assets', name));
  try {
    renameSync(folder, built);
  } catch (error) {
    // Somebody else has built the same meanwhile.
    rmSync(folder, { recursive: true });
    if (!existsSync(built)) throw error;
  }
  return built;
}

function compress(path: string): void {
  const bytes = readFileSync(path);
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
  const params = { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params }));
}

/** Of all files but packages, and of how they are built. */
function digestOf(folder: string): string {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !`${entry.parentPath}/`.includes('/node_modules/'))
    .map((entry) => join(entry.parentPath, entry.name));
  const digests = ['scripts/build-console.ts', ...names.sort()].map(
    (name) => `${name} ${hash('sha256', readFileSync(name))}`,
  );
  return hash('sha256', digests.join('\n')).slice(0, 16);
}

if (import.meta.main) {
  const built = buildConsole();
  rmSync('dist/console', { recursive: true, force: true });
  cpSync(built, 'dist/console', { recursive: true });
}
