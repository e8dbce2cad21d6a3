import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

test('the page of faults is made from the registry', () => {
  const { status, stdout } = spawnSync(process.execPath, ['scripts/write-faults.ts', '--check'], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout);
});

test('links between pages lead somewhere', () => {
  const pages = readdirSync('.', { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.md') && !file.includes('node_modules') && !file.startsWith('dist'),
  );
  const broken = pages.flatMap((page) =>
    [...readFileSync(page, 'utf8').matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
      .map((match) => match[1]!)
      .filter((link) => !/^[a-z]+:/.test(link) && !existsSync(join(dirname(page), link)))
      .map((link) => `${page} → ${link}`),
  );
  assert.deepEqual(broken, []);
});
