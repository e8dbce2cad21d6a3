import { isMap, type Document } from 'yaml';
import type { ConfigDocument } from './schema.ts';

/** What a node is started with. The rest of a document may be the same on many nodes. */
export const bootstrapKeys = [
  'listen',
  'admin',
  'threads',
  'state',
  'storage',
  'durability',
  'log',
  'limits',
  'drain',
  'policyFolder',
  'programs',
  'secrets',
] as const satisfies readonly (keyof ConfigDocument)[];

export const isBootstrapKey = (key: string): boolean => bootstrapKeys.some((known) => known === key);

/** Does it say nothing of traffic, so that a store or a control plane may? */
export const isBootstrapOnly = (document: ConfigDocument): boolean =>
  Object.keys(document).every((key) => key === 'version' || isBootstrapKey(key));

/** What of it is said of the start. */
export function bootstrapOf(document: ConfigDocument): ConfigDocument {
  return Object.fromEntries(Object.entries(document).filter(([key]) => isBootstrapKey(key)));
}

/** A document's text without what is of one node only; comments and layout of the rest stay. */
export function withoutBootstrap(document: Document): string {
  if (!isMap(document.contents)) return document.toString();
  const copy = document.clone();
  for (const key of bootstrapKeys) copy.delete(key);
  return copy.toString();
}
