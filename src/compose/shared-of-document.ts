import { hash } from 'node:crypto';
import type { EdgeDocument } from '#core/contracts/edge.ts';
import { withoutBootstrap } from '#config/bootstrap.ts';
import { readDocument } from '#config/load.ts';
import type { LoadedConfig } from './configuration.ts';
import { secretPlaces } from './hide-secrets.ts';

/**
 * What edge nodes share of the document in force: all but what is said of this node's own start. Secrets are referred to in
 * it and filled in at each edge; a document that has one written out stays here.
 */
export function sharedOfDocument({
  text,
  shared,
  snapshot,
}: LoadedConfig): EdgeDocument | { readonly refusal: string } {
  const rest = withoutBootstrap(readDocument(text, 'document').document);
  const places = secretPlaces(rest, snapshot.policyFiles ?? null);
  if (places.length > 0)
    return {
      refusal: `The configuration has secrets written in it (${places.map((path) => path.join('.')).join(', ')}), which no other machine may have: write them as references, such as \${env:NAME}.`,
    };
  return { text: rest, digest: hash('sha256', rest, 'hex'), version: shared?.version ?? snapshot.version };
}
