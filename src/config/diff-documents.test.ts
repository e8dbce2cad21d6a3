import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { diffDocuments } from './diff-documents.ts';
import type { JsonSchema } from './explain-mismatch.ts';
import { readDocument } from './load.ts';
import { documentSchema, policySchema } from './schema.ts';
import { policySchemas } from './testing/policy-schemas.ts';

const schema = documentSchema(policySchema(policySchemas)) as unknown as JsonSchema;
const written = (text: string) => readDocument(text, 'test').written;
const diff = (before: string, after: string) => diffDocuments(written(before), written(after), schema);

const base = `
providers: { a: { kind: openai, apiKey: sk-old }, b: { kind: openai, apiKey: '\${env:B}' } }
models: { fast: { targets: [a/x, b/y] } }
routes:
  - { name: llm, match: { path: /v1/** }, to: { llm: {} } }
  - { name: shop, match: { path: /shop/** }, to: { http: http://127.0.0.1:1 } }
policies: [key-auth, model-access]
`.replace('[key-auth, model-access]', '[{ key-auth: {} }, { model-access: {} }]');

test('differences are told by path, lists by the names of their members', () => {
  assert.deepEqual(diff(base, base), []);
  const after = base
    .replace('  - { name: llm', '  - { name: new, match: { path: /n }, to: { llm: {} } }\n  - { name: llm')
    .replace('/shop/**', '/store/**')
    .replace('[a/x, b/y]', '[b/y, a/x, b/z]');
  assert.deepEqual(diff(base, after), [
    { path: 'models.fast.targets[b/z]', change: 'added', before: null, after: 'b/z' },
    { path: 'models.fast.targets', change: 'moved', before: ['a/x', 'b/y'], after: ['b/y', 'a/x'] },
    { path: 'routes[shop].match.path', change: 'changed', before: '/shop/**', after: '/store/**' },
    {
      path: 'routes[new]',
      change: 'added',
      before: null,
      after: { name: 'new', match: { path: '/n' }, to: { llm: {} } },
    },
  ]);
});

test('that a secret changes is told, and never what it is', () => {
  const after = base.replace('sk-old', 'sk-new').replace('${env:B}', '${env:C}');
  assert.deepEqual(diff(base, after), [
    { path: 'providers.a.apiKey', change: 'changed', before: '[hidden]', after: '[hidden]' },
    { path: 'providers.b.apiKey', change: 'changed', before: '${env:B}', after: '${env:C}' },
  ]);
  const removed = diff(base, 'routes: []');
  assert.ok(!JSON.stringify(removed).includes('sk-'));
});

test('nor are secrets in lists, under names that nobody knows, or in the URLs of webhooks', () => {
  const told = diff(
    'providers: { a: { apiKey: [sk-one, sk-two] } }\nevents: { webhooks: [{ url: "http://x/?t=sk-url" }] }',
    'providers: { a: { apiKey: [sk-three], apikey: sk-mistyped } }\nevents: { webhooks: [{ url: "http://x/?t=sk-other" }] }',
  );
  assert.ok(told.some(({ path }) => path === 'providers.a.apiKey[2]'));
  assert.ok(!JSON.stringify(told).includes('sk-'), JSON.stringify(told));
});

test('layout, comments and the order of keys are no differences', () => {
  const policies = 'policies:\n  - key-auth:\n  - model-access: {}\n';
  const other = `# a comment\n${base.replace(/policies:.*\n/, policies).replace('{ kind: openai, apiKey: sk-old }', '{ apiKey: sk-old, kind: openai }')}`;
  assert.deepEqual(diff(base, other), []);
});

test('documents differ in nothing if and only if they are the same', () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  fc.assert(
    fc.property(value, value, (a, b) => {
      const same = JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
      return same === (diffDocuments(a, b, {}).length === 0) && diffDocuments(a, a, {}).length === 0;
    }),
    { numRuns: process.env['SLUICE_LONG'] ? 5000 : 300 },
  );
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}
