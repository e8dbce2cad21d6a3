import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { loadDocuments } from './load-documents.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-documents-'));
after(() => rmSync(folder, { recursive: true }));
const files: Readonly<Record<string, string>> = {
  'sluice.yaml': '',
  'api/pets.yaml': "{ a: { $ref: 'parts/pet.json#/Pet' }, b: { $ref: '#/a' }, example: { $ref: 'no.yaml' } }",
  'api/parts/pet.json': '{"Pet":{"$ref":"../pets.yaml#/b"}}',
  'api/remote.yaml': "{ $ref: 'https://a.test/x.yaml' }",
  'api/above.yaml': "{ $ref: '../sluice.yaml' }",
  'api/broken.yaml': 'a: [',
  'state/keys.yaml': 'a: 1',
};
for (const [path, text] of Object.entries(files)) {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), text);
}

const load = (entry: string | null, inline: unknown = null) => {
  const told: string[] = [];
  const onFile = (path: string) => void told.push(basename(path));
  const set = loadDocuments(entry, inline, {
    path: join(folder, 'sluice.yaml'),
    state: join(folder, 'state'),
    onFile,
  });
  return { set, told };
};

test('a document is read with those beside it, in circles, and each file is told of for watching', () => {
  const { set, told } = load('api/pets.yaml');
  assert.equal(set.entry, 'pets.yaml');
  assert.deepEqual(Object.keys(set.documents), ['pets.yaml', 'parts/pet.json']);
  assert.deepEqual(told, ['pets.yaml', 'pet.json']);
  assert.deepEqual(Object.keys(load(null, { body: { $ref: 'api/parts/pet.json#/Pet' } }).set.documents), [
    'api/parts/pet.json',
    'api/pets.yaml',
  ]);
});

test('nothing is fetched, nothing above is read, and nothing of the state', () => {
  const wrong: [string, RegExp][] = [
    ['api/remote.yaml', /refers to "https:\/\/a\.test\/x\.yaml"; only files beside it/],
    ['api/above.yaml', /above the folder/],
    ['api/broken.yaml', /^broken\.yaml: /],
    ['api/none.yaml', /^none\.yaml: cannot be read \(ENOENT\)$/],
    ['state/keys.yaml', /state directory/],
  ];
  for (const [entry, message] of wrong) assert.throws(() => load(entry), { message });
});
