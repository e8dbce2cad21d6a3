import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openNodeIdentity } from './node-identity.ts';

test('a node has one id for as long as its state directory has it', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-node-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const id = openNodeIdentity(directory);
  assert.match(id, /^[0-9A-Za-z]{16}$/);
  assert.equal(openNodeIdentity(directory), id);
  assert.deepEqual(readdirSync(directory), ['node']);
  rmSync(join(directory, 'node'));
  assert.notEqual(openNodeIdentity(directory), id);
  writeFileSync(join(directory, 'node'), 'not an id\n');
  assert.throws(() => openNodeIdentity(directory), /does not hold the id of a node.*remove it/);
});
