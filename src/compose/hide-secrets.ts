import { isAlias, isMap, isScalar, isSeq, parseDocument, type Document, type Node } from 'yaml';
import { hidden, isReferred, isSecret } from '#config/diff-documents.ts';
import { childSchema, type JsonSchema } from '#config/explain-mismatch.ts';
import { yamlOptions, type Path } from '#config/places.ts';
import { documentSchema, policySchema } from '#config/schema.ts';
import type { PolicyFiles } from '#core/policy-files.ts';
import { schemasWith } from './policy-registry.ts';

/** Of documents that may use those policies of the operator's own, too. */
export const schemaOfDocuments = (own: PolicyFiles | null): JsonSchema =>
  documentSchema(policySchema(schemasWith(own))) as unknown as JsonSchema;

/** Names of headers whose values are secrets; of others they may be written down. */
const secretHeader = /auth|key|token|secret|cookie|passw|credential|signature/i;

interface Secret {
  readonly value: string;
  readonly path: Path;
  /** The value of a header whose name does not say that it is a secret. */
  readonly mayBePlain: boolean;
  /** Where it is written, in characters of the text. */
  readonly from: number;
  readonly to: number;
}

/**
 * A configuration's text with the secrets that are written in it literally, rather than referred to, taken out. What is
 * a secret is what the schema calls write-only; where it is written, the YAML says, however it is spelt there.
 */
export function hideSecrets(text: string, own: PolicyFiles | null = null): string {
  const secrets = secretsIn(text, own);
  let shown = '';
  let at = 0;
  for (const { from, to } of secrets) {
    // A block scalar's last line end is a part of it, and of the document.
    shown += text.slice(at, from) + hidden + (text[to - 1] === '\n' ? '\n' : '');
    at = to;
  }
  return hideRepeated(shown + text.slice(at), secrets);
}

/** Places of what is a secret and is written out: what a store or another machine must not get. */
export const secretPlaces = (text: string, own: PolicyFiles | null = null): Path[] =>
  secretsIn(text, own).flatMap(({ path, mayBePlain }) => (mayBePlain ? [] : [path]));

function secretsIn(text: string, own: PolicyFiles | null): Secret[] {
  const document = parseDocument(text, yamlOptions);
  const secrets = new Map<number, Secret>();
  const found = (secret: Secret) => void secrets.set(secret.from, secret);
  const of = schemaOfDocuments(own);
  collect(document.contents, { of, path: [], mayBePlain: false }, { document, found });
  return [...secrets.values()].sort((a, b) => a.from - b.from);
}

/** The same once more where it says nothing: in a comment, above all. */
function hideRepeated(text: string, secrets: readonly Secret[]): string {
  // Longest first: one secret may begin like another.
  const values = secrets.map(({ value }) => value).sort((a, b) => b.length - a.length);
  let shown = text;
  for (const value of values) {
    const escaped = value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    // Whole values only, so that a short one does not tear holes into other words, and none that are keys.
    shown = shown.replace(new RegExp(`(?<=#.*[\\s'":,{[])${escaped}(?=$|[\\s'",}\\]])`, 'gm'), () => hidden);
  }
  return shown;
}

interface Place {
  readonly of: JsonSchema | undefined;
  readonly path: Path;
  readonly mayBePlain: boolean;
}

interface Search {
  readonly document: Document;
  found(secret: Secret): void;
}

function collect(node: unknown, { of, path, mayBePlain }: Place, search: Search): void {
  if (of === undefined) return;
  if (isAlias(node)) return collect(node.resolve(search.document), { of, path, mayBePlain }, search);
  if (isMap(node)) {
    const ofHeaders = of['x-keys'] === 'a header name';
    for (const { key, value } of node.items) {
      if (!isScalar(key)) continue;
      const name = String(key.value);
      const place = { path: [...path, name], of: childSchema(of, name) };
      collect(value, { ...place, mayBePlain: ofHeaders && !secretHeader.test(name) }, search);
    }
  } else if (isSeq(node)) {
    node.items.forEach((item, i) =>
      collect(item, { of: childSchema(of, i), path: [...path, i], mayBePlain }, search),
    );
  } else if (isScalar(node) && isSecret(of) && !isReferred(String(node.value))) {
    const [from, to] = (node as Node).range ?? [0, 0];
    if (to > from) search.found({ value: String(node.value), path, mayBePlain, from, to });
  }
}
