import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { openKeptDatabase } from './kept-database.ts';

const thing = {
  id: 'file-1',
  kind: 'file',
  provider: 'p',
  owner: 'web',
  exchange: 'x',
  createdAtMs: 1,
  expiresAtMs: null,
  document: '{"id":"file-1"}',
  madeBy: null,
};

function folder(t: { after(hook: () => void): void }): string {
  const path = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('a record of the first version is taken on as it is', (t) => {
  const path = join(folder(t), 'kept.db');
  const database = openKeptDatabase(path);
  database.note([thing]);
  database.close();
  const old = new DatabaseSync(path);
  old.exec('ALTER TABLE kept DROP COLUMN made_by; PRAGMA user_version = 1');
  old.close();
  const again = openKeptDatabase(path);
  t.after(() => again.close());
  assert.deepEqual(
    again.find('web', ['file-1']).map((found) => ({ ...found })),
    [thing],
  );
  again.note([{ ...thing, id: 'file-2', madeBy: 'batch-1' }]);
  assert.equal(again.find('web', ['file-2'])[0]!.madeBy, 'batch-1');
});

test('only its owner changes what is said of a thing, and only of one that lists show', (t) => {
  const database = openKeptDatabase(join(folder(t), 'kept.db'));
  t.after(() => database.close());
  database.note([thing, { ...thing, id: 'item-1', document: null }]);
  database.describe({ ...thing, owner: 'other' }, '{"id":"theirs"}');
  assert.equal(database.find('web', ['file-1'])[0]!.document, thing.document);
  database.describe(thing, '{"id":"file-1","status":"done"}');
  database.describe({ ...thing, id: 'item-1' }, '{}');
  assert.equal(database.find('web', ['file-1'])[0]!.document, '{"id":"file-1","status":"done"}');
  assert.equal(database.find('web', ['item-1'])[0]!.document, null);
});
