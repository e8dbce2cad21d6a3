/** Our JSON Schema against the suite of the field (github.com/json-schema-org/JSON-Schema-Test-Suite; test/fixtures/json-schema-suite). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { SchemaCompiler } from '#core/json-schema/compile-schema.ts';
import { mismatchesOf } from '#core/json-schema/compile.ts';
import { SchemaDocuments } from '#core/json-schema/schema-documents.ts';

interface Group {
  readonly file: string;
  readonly description: string;
  readonly schema: unknown;
  readonly tests: readonly {
    readonly description: string;
    readonly data: unknown;
    readonly valid: boolean;
  }[];
}

const folder = 'test/fixtures/json-schema-suite';
const read = (name: string): unknown => JSON.parse(readFileSync(`${folder}/${name}.json`, 'utf8'));
const remotes = Object.entries(read('remotes') as Record<string, unknown>);

/** What we do otherwise, by file and group, and why. */
const fetched = 'the schema of schemas is not here, and nothing is fetched';
const annotation = 'formats that are not held to say nothing';
const otherwise: Readonly<Record<string, string>> = {
  'defs: validate definition against metaschema': fetched,
  'definitions: validate definition against metaschema': fetched,
  'ref: remote ref, containing refs itself': fetched,
  'vocabulary: schema that uses custom metaschema with with no validation vocabulary':
    "a schema of schemas of one's own chooses no keywords",
  'optional/format/idn-email': annotation,
  'optional/format/idn-hostname': annotation,
  'optional/format/iri-reference': annotation,
  'optional/format/iri': annotation,
  'optional/format/regex': annotation,
  'optional/format/relative-json-pointer': annotation,
  'optional/format/uri-template': annotation,
};

function verdictsOf({ file, schema, tests }: Group, dialect: '2020-12' | 'draft-07'): readonly unknown[] {
  const documents = new SchemaDocuments();
  const old = '/draft7/';
  for (const [uri, remote] of remotes)
    if (!/\/draft/.test(uri) || uri.includes(dialect === 'draft-07' ? old : '/draft2020-12/'))
      documents.add(uri, remote, 'schema', dialect);
  documents.add('doc:///', schema, 'schema', dialect);
  const formats = file.startsWith('optional/format');
  const check = new SchemaCompiler(documents, { dialect, formats }).compile(schema);
  return tests.map(({ data }) => mismatchesOf(check, data, { mismatches: 3, work: 100_000 }).length === 0);
}

for (const dialect of ['2020-12', 'draft-07'] as const)
  test(`the suite of ${dialect}`, () => {
    let count = 0;
    const wrong: string[] = [];
    for (const group of read(dialect) as Group[]) {
      const name = `${group.file}: ${group.description}`;
      if (Object.hasOwn(otherwise, name) || Object.hasOwn(otherwise, group.file)) continue;
      let verdicts: readonly unknown[];
      try {
        verdicts = verdictsOf(group, dialect);
      } catch (error) {
        wrong.push(`${name}: ${(error as Error).message}`);
        continue;
      }
      for (const [i, { description, valid }] of group.tests.entries()) {
        count++;
        if (verdicts[i] !== valid) wrong.push(`${name}: ${description}: ${String(verdicts[i])}`);
      }
    }
    assert.deepEqual(wrong, []);
    // Of 1723 and 1329, less what is done otherwise.
    assert.ok(count > 1000, String(count));
  });
