import type { DocumentSet } from '#core/document-set.ts';
import { loadDocuments, type DocumentScope } from './load-documents.ts';
import type { PolicySchemas } from './schema.ts';

/** Documents that a configuration refers to; each file that is named many times is read once. */
export interface PolicyDocuments {
  /** @throws Error that says which file, and what is wrong with it. */
  read(entry: string): DocumentSet;
  /** Settings of a policy, with what the files hold that they refer to beside them. */
  withThem(kind: string, settings: unknown, told: Told): unknown;
}

/** What is wrong, and with which of the settings; null: with all of them. */
type Told = (step: string | null, message: string) => void;

export function policyDocuments(scope: DocumentScope, schemas: PolicySchemas): PolicyDocuments {
  const known = new Map<string, DocumentSet>();
  const read = (entry: string): DocumentSet => {
    let found = known.get(entry);
    if (!found) known.set(entry, (found = loadDocuments(entry, null, scope)));
    return found;
  };
  return {
    read,
    withThem(kind, settings, told) {
      const key = documentKeyOf(schemas.get(kind));
      if (key === null) return settings;
      const { [key]: entry } = settings as Readonly<Record<string, unknown>>;
      const file = typeof entry === 'string' ? entry : null;
      try {
        const documents = file === null ? loadDocuments(null, settings, scope) : read(file);
        return { ...(settings as object), documents };
      } catch (error) {
        told(file === null ? null : key, (error as Error).message);
        return settings;
      }
    },
  };
}

/** The setting that names the first file, by the mark of a kind's schema. */
function documentKeyOf(schema: object | undefined): string | null {
  const key = (schema as { readonly 'x-documents'?: unknown } | undefined)?.['x-documents'];
  return typeof key === 'string' ? key : null;
}
