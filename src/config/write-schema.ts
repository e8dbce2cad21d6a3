import { readFileSync, writeFileSync } from 'node:fs';
import { documentSchema, policySchema, type PolicySchemas } from './schema.ts';

/** The published JSON Schema: what validation uses, with the policies that there are. */
export function renderSchema(policies: PolicySchemas): string {
  const schema = documentSchema(policySchema(policies));
  return `${JSON.stringify({ $schema: 'http://json-schema.org/draft-07/schema#', ...schema }, null, 2)}\n`;
}

/** Writes `sluice.schema.json`. The registry comes from the composition root: configuration knows no policy. */
export function writeSchema(path: string, policies: PolicySchemas): void {
  writeFileSync(path, renderSchema(policies));
}

/** Is the file what `writeSchema` would write? */
export function isSchemaCurrent(path: string, policies: PolicySchemas): boolean {
  try {
    return readFileSync(path, 'utf8') === renderSchema(policies);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
