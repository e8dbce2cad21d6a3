import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

test('the package compiles, and its command runs from what was compiled', () => {
  const run = (...args: string[]) => spawnSync(process.execPath, args, { encoding: 'utf8' });
  const built = run('scripts/build.ts');
  assert.equal(built.status, 0, built.stdout + built.stderr);
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  assert.equal(run('bin/sluice.js', '--version').stdout.trim(), version);
  const explained = run('bin/sluice.js', 'check', 'examples/minimal.yaml');
  assert.ok(
    explained.status === 0 || /environment variable is not set/.test(explained.stderr + explained.stdout),
    explained.stderr,
  );
});
