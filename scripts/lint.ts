/** Holds everybody to the rules: oxlint, the import rules of layers.mjs, vendors' names, and the formatter. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nameless } from '../layers.mjs';

/** Below this, dependency-cruiser has not understood the sources, and its silence means nothing. */
const leastModules = 150;

let failed = 0;
function run(title: string, command: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status === 0) console.log(`✔ ${title}`);
  else {
    failed++;
    console.log(`✖ ${title}\n${stdout}${stderr}`);
  }
  return stdout;
}

run('oxlint', 'oxlint', ['--deny-warnings', 'src', 'simulator', 'scripts', 'console']);
// What it found good, it need not read again.
run('formatted', 'prettier', [
  ...['--check', '--log-level', 'warn', '--cache', '--cache-strategy', 'content'],
  ...['src', 'scripts', 'console'],
]);

const report = run('imports keep to their layers', 'depcruise', [
  '--config',
  '.dependency-cruiser.mjs',
  '--output-type',
  'err',
  'src',
  'simulator',
  'scripts',
]);
const modules = Number(/\((\d+) modules/.exec(report)?.[1] ?? 0);
if (modules < leastModules) {
  failed++;
  console.log(`✖ dependency-cruiser saw ${modules} modules, and there are at least ${leastModules}`);
}

const vendors = /\b(?:openai|anthropic|gemini|bedrock|azure|mistral|cohere|ollama)\b/i;
const named = nameless.flatMap((layer) =>
  readdirSync(join('src', layer), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.includes('testing/'))
    .flatMap((file) => {
      const path = join('src', layer, file);
      const code = readFileSync(path, 'utf8')
        .replace(/\/\*[\s\S]*?\*\//g, '')
        .replace(/^\s*\/\/.*$/gm, '');
      return vendors.test(code) ? [path] : [];
    }),
);
if (named.length) {
  failed++;
  console.log(`✖ a vendor is named where none should be known:\n  ${named.join('\n  ')}`);
} else console.log('✔ no vendor is named where none should be known');

process.exit(failed ? 1 : 0);
