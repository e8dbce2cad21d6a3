import { isDeepStrictEqual } from 'node:util';
import { childSchema, type JsonSchema } from './explain-mismatch.ts';

/** One difference between two documents. */
export interface ConfigChange {
  /** `routes[llm].match.path`: members of lists go by their names where they have one. */
  readonly path: string;
  readonly change: 'added' | 'removed' | 'changed' | 'moved';
  /** As it is written, secrets hidden; null where there is none. */
  readonly before: unknown;
  readonly after: unknown;
}

export const hidden = '[hidden]';

/** Only references, after the name of a scheme at most: `Bearer ${env:TOKEN}` tells nobody anything. */
export const isReferred = (value: string): boolean =>
  /^(?:[A-Za-z]+ +)?(?:\$\{(?:env|file|vault|aws|gcp|kubernetes):[^}]*\})+$/.test(value);

export const isSecret = (schema: JsonSchema): boolean =>
  schema.writeOnly === true || (schema.anyOf ?? []).some(isSecret);

/**
 * What differs between two documents as they are written. Lists are compared by what their members are called, so that
 * one more at the top is one change. `schema` says what is a secret: a change of it is told, and never what it is.
 */
export function diffDocuments(before: unknown, after: unknown, schema: JsonSchema): ConfigChange[] {
  const changes: ConfigChange[] = [];
  compare({ before, after, schema, path: '' }, changes);
  return changes;
}

interface Pair {
  readonly before: unknown;
  readonly after: unknown;
  readonly schema: JsonSchema | undefined;
  readonly path: string;
}

function compare(pair: Pair, changes: ConfigChange[]): void {
  const { before, after, schema, path } = pair;
  if (isDeepStrictEqual(before, after)) return;
  const entries = entriesOf(before, schema);
  const others = entriesOf(after, schema);
  if (!entries || !others || entries.kind !== others.kind) {
    const change = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed';
    changes.push({ path, change, before: shown(before, schema), after: shown(after, schema) });
    return;
  }
  const keys = new Set([...entries.members.keys(), ...others.members.keys()]);
  for (const key of keys) {
    const [was, is] = [entries.members.get(key), others.members.get(key)];
    const step = (is ?? was)!.step;
    compare(
      {
        before: was?.value,
        after: is?.value,
        schema: schema && childSchema(schema, step),
        path: entries.kind === 'list' ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`,
      },
      changes,
    );
  }
  if (entries.kind !== 'list') return;
  const stayed = (of: Entries, other: Entries) =>
    [...of.members.keys()].filter((key) => other.members.has(key));
  const [was, is] = [stayed(entries, others), stayed(others, entries)];
  if (!isDeepStrictEqual(was, is)) changes.push({ path, change: 'moved', before: was, after: is });
}

interface Entries {
  readonly kind: 'list' | 'mapping';
  readonly members: ReadonlyMap<string, { readonly value: unknown; readonly step: string | number }>;
}

function entriesOf(value: unknown, schema: JsonSchema | undefined): Entries | null {
  if (typeof value !== 'object' || value === null) return null;
  if (!Array.isArray(value)) {
    const members = Object.entries(value).map(
      ([key, member]) => [key, { value: member, step: key }] as const,
    );
    return { kind: 'mapping', members: new Map(members) };
  }
  const members = new Map<string, { value: unknown; step: number }>();
  for (const [step, member] of value.entries()) {
    const name = nameOf(member, schema && childSchema(schema, step)) ?? String(step + 1);
    let key = name;
    for (let again = 2; members.has(key); again++) key = `${name} (${again})`;
    members.set(key, { value: member, step });
  }
  return { kind: 'list', members };
}

/** What a member of a list is known by: its name, its URL, its one key (of a policy), or itself; null: that is a secret. */
function nameOf(member: unknown, schema: JsonSchema | undefined): string | null {
  if (typeof member !== 'object' || member === null) {
    const name = shown(member, schema);
    return name === hidden ? null : String(member);
  }
  const { name, url } = member as { name?: unknown; url?: unknown };
  if (typeof name === 'string') return name;
  if (typeof url === 'string')
    return shown(url, schema && childSchema(schema, 'url')) === hidden ? null : url;
  const keys = Object.keys(member);
  return keys.length === 1 ? keys[0]! : JSON.stringify(keys);
}

/** A part of a document as anybody may see it. */
export const hideValues = (value: unknown, schema: JsonSchema | undefined): unknown =>
  value === undefined ? undefined : shown(value, schema);

/** With its secrets hidden. */
function shown(value: unknown, schema: JsonSchema | undefined): unknown {
  if (value === undefined) return null;
  const of = (step: string | number) => schema && childSchema(schema, step);
  if (Array.isArray(value)) return value.map((member, i) => shown(member, of(i)));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, shown(member, of(key))]));
  // What nobody knows may be a secret under a name that was mistyped.
  const mayBeSecret = schema === undefined ? typeof value === 'string' : isSecret(schema);
  return mayBeSecret && !isReferred(String(value)) ? hidden : value;
}
