import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Check } from 'typebox/schema';
import { parse } from 'yaml';
import { policySchemas } from './testing/policy-schemas.ts';
import { isSchemaCurrent, renderSchema, writeSchema } from './write-schema.ts';

interface Node {
  readonly type?: string;
  readonly title?: string;
  readonly description?: string;
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly [other: string]: unknown;
}

const schema = JSON.parse(renderSchema(policySchemas)) as Node;

test('the schema is written, and found out of date when a policy is added', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-schema-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'sluice.schema.json');
  assert.equal(isSchemaCurrent(path, policySchemas), false);
  writeSchema(path, policySchemas);
  assert.equal(isSchemaCurrent(path, policySchemas), true);
  assert.equal(isSchemaCurrent(path, new Map([...policySchemas].slice(1))), false);
});

test('an editor that knows the schema alone accepts and refuses as the gateway does', () => {
  const good =
    "policies: [{ rate-limit: { tokens: 1000/min } }]\nprices: { o/m: { input: 0.5, output: '1' } }";
  assert.ok(Check(schema as object, parse(good)));
  for (const bad of [
    'policies: [{ no-such: {} }]',
    'policies: [{}]',
    'policies: [{ rate-limit: { tokens: many } }]',
    'x: 1',
  ])
    assert.ok(!Check(schema as object, parse(bad)), bad);
});

test('every key of the top level says what it is for', () => {
  for (const [name, node] of Object.entries(schema.properties ?? {})) {
    const inner = Object.values(node.properties ?? {}).every((child) => child.description);
    assert.ok(node.description ?? inner, name);
  }
});
