import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadFile } from '../../src/cli/check.ts';
import { emptyFolder } from '../harness/command.ts';
import { blocksOf } from '../harness/snippets.ts';

test('docs/destinations.md: every block is a configuration that is taken as it stands', async () => {
  const blocks = blocksOf('docs/destinations.md', 'yaml');
  assert.ok(blocks.length >= 1);
  for (const block of blocks) {
    const file = join(emptyFolder(), 'sluice.yaml');
    writeFileSync(file, block);
    const { routes } = await loadFile(file);
    assert.ok(routes.length >= 1);
  }
});
