import { isAlias, isMap, isScalar, isSeq, parseDocument, type Document, type Node } from 'yaml';
import { childSchema, type JsonSchema } from '#config/explain-mismatch.ts';
import { yamlOptions } from '#config/places.ts';
import { documentSchema, policySchema } from '#config/schema.ts';
import { policySchemas } from '#policies/schemas.ts';

const hidden = '[hidden]';
const schema = documentSchema(policySchema(policySchemas)) as unknown as JsonSchema;

interface Secret {
  readonly value: string;
  /** Where it is written, in characters of the text. */
  readonly from: number;
  readonly to: number;
}

/**
 * A configuration's text with the secrets that are written in it literally, rather than referred to, taken out. What is
 * a secret is what the schema calls write-only; where it is written, the YAML says, however it is spelt there.
 */
export function hideSecrets(text: string): string {
  const document = parseDocument(text, yamlOptions);
  const secrets = new Map<number, Secret>();
  collect(document.contents, schema, document, (secret) => secrets.set(secret.from, secret));
  let shown = '';
  let at = 0;
  for (const { from, to } of [...secrets.values()].sort((a, b) => a.from - b.from)) {
    // A block scalar's last line end is a part of it, and of the document.
    shown += text.slice(at, from) + hidden + (text[to - 1] === '\n' ? '\n' : '');
    at = to;
  }
  return hideRepeated(shown + text.slice(at), [...secrets.values()]);
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

function collect(
  node: unknown,
  of: JsonSchema | undefined,
  document: Document,
  found: (secret: Secret) => void,
): void {
  if (of === undefined) return;
  if (isAlias(node)) return collect(node.resolve(document), of, document, found);
  if (isMap(node)) {
    for (const { key, value } of node.items)
      if (isScalar(key)) collect(value, childSchema(of, String(key.value)), document, found);
  } else if (isSeq(node)) {
    node.items.forEach((item, i) => collect(item, childSchema(of, i), document, found));
  } else if (isScalar(node) && isSecret(of) && !isReferred(String(node.value))) {
    const [from, to] = (node as Node).range ?? [0, 0];
    if (to > from) found({ value: String(node.value), from, to });
  }
}

const isSecret = (of: JsonSchema): boolean => of.writeOnly === true || (of.anyOf ?? []).some(isSecret);

/** Only references, after the name of a scheme at most: `Bearer ${env:TOKEN}` tells nobody anything. */
const isReferred = (value: string): boolean => /^(?:[A-Za-z]+ +)?(?:\$\{(?:env|file):[^}]*\})+$/.test(value);
