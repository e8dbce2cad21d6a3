import { readFileSync, writeFileSync } from 'node:fs';
import type { PolicyKind } from '#core/contracts/policy.ts';
import { documentSchema, policySchema } from './schema.ts';

type Kinds = ReadonlyMap<string, PolicyKind>;

/** The published JSON Schema: what validation uses, with the policies that there are. */
export function renderSchema(kinds: Kinds): string {
  const schema = documentSchema(policySchema(kinds));
  return `${JSON.stringify({ $schema: 'http://json-schema.org/draft-07/schema#', ...schema }, null, 2)}\n`;
}

/** Writes `sluice.schema.json`. The registry comes from the composition root: configuration knows no policy. */
export function writeSchema(path: string, kinds: Kinds): void {
  writeFileSync(path, renderSchema(kinds));
}

/** Is the file what `writeSchema` would write? */
export function isSchemaCurrent(path: string, kinds: Kinds): boolean {
  try {
    return readFileSync(path, 'utf8') === renderSchema(kinds);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
