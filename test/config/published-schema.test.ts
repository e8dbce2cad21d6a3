import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { isSchemaCurrent } from '#config/write-schema.ts';
import { policySchemas } from '#policies/schemas.ts';

test('sluice.schema.json is what the code validates with', () => {
  const path = fileURLToPath(new URL('../../sluice.schema.json', import.meta.url));
  assert.ok(
    isSchemaCurrent(path, policySchemas),
    'run: node --conditions=source src/compose/write-schema.ts',
  );
});
