import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { documentSchema, policySchema } from '#config/schema.ts';
import { catalog } from '#providers/catalog/index.ts';

const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');

interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly patternProperties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
}

test('every key that there is stands on the page, and every provider of the catalogue', () => {
  const keys = new Set<string>();
  const collect = (node: Node): void => {
    for (const [key, child] of Object.entries(node.properties ?? {})) {
      keys.add(key);
      collect(child);
    }
    for (const child of [...Object.values(node.patternProperties ?? {}), ...(node.anyOf ?? [])])
      collect(child);
    if (node.items) collect(node.items);
  };
  collect(documentSchema(policySchema(new Map())) as unknown as Node);
  assert.ok(keys.size > 50);
  for (const key of keys) {
    const spans = new RegExp(`\`(?:[\\w.]+\\.)?${key}(?:\\.\\w+)?\``);
    assert.ok(spans.test(page), key);
  }
  for (const { name, variable } of catalog.values()) {
    assert.ok(page.includes(`\`${name}\``), name);
    if (variable) assert.ok(page.includes(`\`${variable}\``), variable);
  }
});
