import { hash } from 'node:crypto';
import { Document, isMap, isSeq, parseDocument } from 'yaml';
import { ControlError, type ConfigControl } from '#core/contracts/control-plane.ts';
import type {
  Resource,
  ResourceChange,
  ResourceControl,
  ResourceKind,
  ResourceWish,
} from '#core/contracts/resource-control.ts';
import { hidden, hideValues, isSecret } from '#config/diff-documents.ts';
import { childSchema, type JsonSchema } from '#config/explain-mismatch.ts';
import { readDocument } from '#config/load.ts';
import { yamlOptions } from '#config/places.ts';
import { schemaOfDocuments } from './hide-secrets.ts';
import type { Reloader } from './reloader.ts';

type Entries = ReadonlyMap<string, unknown>;

/** Parts of the document, read and changed one by one: each change is a version of the whole, checked as a whole. */
export function createResourceControl(reloader: Reloader, config: ConfigControl): ResourceControl {
  const entriesNow = (kind: ResourceKind): Entries => entriesIn(reloader.current.text, kind);

  function teamOf(kind: ResourceKind, name: string, value: unknown): string | null {
    const { team, project } = (value ?? {}) as { team?: unknown; project?: unknown };
    if (kind === 'teams') return name;
    if (kind === 'projects') return textOf(team);
    if (kind !== 'consumers' && kind !== 'keys') return null;
    const { projects } = reloader.current.snapshot;
    const of = textOf(project) ?? projectOfConsumer(value);
    return of !== null && Object.hasOwn(projects, of) ? projects[of]!.team : null;
  }

  /** A key may say whose it is by naming a consumer. */
  function projectOfConsumer(value: unknown): string | null {
    const { consumer } = (value ?? {}) as { consumer?: unknown };
    const found = textOf(consumer) === null ? null : entriesNow('consumers').get(String(consumer));
    return textOf((found as { project?: unknown } | null | undefined)?.project);
  }

  /** Of one member, with the policies in force. */
  function schemaOf(kind: ResourceKind): JsonSchema | undefined {
    const whole = schemaOfDocuments(reloader.current.snapshot.policyFiles ?? null);
    const part = childSchema(whole, kind);
    return part && childSchema(part, kind === 'routes' ? 0 : 'any');
  }

  const viewIn = (kind: ResourceKind) => {
    const schema = schemaOf(kind);
    return (name: string, value: unknown): Resource => ({
      ...{ name, value: hideValues(value, schema) },
      ...{ etag: etagOf(value, schema), team: teamOf(kind, name, value) },
    });
  };

  return {
    teamOf,
    list(kind) {
      const view = viewIn(kind);
      return [...entriesNow(kind)].map(([name, value]) => view(name, value));
    },
    read(kind, name) {
      const entries = entriesNow(kind);
      return entries.has(name) ? viewIn(kind)(name, entries.get(name)) : null;
    },
    async change(wish) {
      const { kind, name, match, dryRun, author } = wish;
      const known = entriesNow(kind);
      const schema = schemaOf(kind);
      const found = known.has(name) ? etagOf(known.get(name), schema) : null;
      if (found !== match) throw refusalOf(wish, found);
      const { master, storedVersion } = config.read();
      const value = restoreHidden(wish.value, known.get(name), schema);
      if (!wish.mayRefer && refersAnew(value, known.get(name)))
        throw new ControlError(
          403,
          'Only who may write the whole configuration may refer to ${env:…} and ${file:…}.',
        );
      const text = writeInto(reloader.current.text, { ...wish, value });
      const changes = config.diff(text);
      const told = { dryRun, master, changes, etag: value === undefined ? null : etagOf(value, schema) };
      if (dryRun) {
        const findings = config.check(text);
        if (findings.length > 0)
          throw new ControlError(400, 'The document would not be good.', { findings, changes });
        return { ...told, version: null, refusal: null };
      }
      const comment = `${value === undefined ? 'removes' : found === null ? 'adds' : 'changes'} ${kind}.${name}`;
      const { version, refusal } = await config.apply({ text, after: storedVersion ?? 0, comment, author });
      return { ...told, version, refusal } satisfies ResourceChange;
    },
  };
}

function refusalOf({ kind, name, match }: ResourceWish, found: string | null): ControlError {
  if (found === null) return new ControlError(404, `There is no ${kind}.${name}.`);
  return new ControlError(
    412,
    match === null
      ? `There is ${kind}.${name} already.`
      : `${kind}.${name} has changed meanwhile: its ETag is ${found}. Read it again, then change it.`,
  );
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** The names of routes are in them; of the others, outside. */
function entriesIn(text: string, kind: ResourceKind): Entries {
  const written = (readDocument(text, 'document').written ?? {}) as Record<string, unknown>;
  const part = written[kind];
  if (Array.isArray(part))
    return new Map(part.map((route: { name?: unknown }) => [String(route.name), route]));
  return new Map(Object.entries((part ?? {}) as object));
}

/** Of what anybody may see: an etag that a secret went into would tell whether a guess at it is right. */
const etagOf = (value: unknown, schema: JsonSchema | undefined): string =>
  `"${hash('sha256', JSON.stringify(hideValues(value, schema)), 'hex').slice(0, 32)}"`;

/** What was read as `[hidden]` and comes back so is what it was. */
function restoreHidden(value: unknown, before: unknown, schema: JsonSchema | undefined): unknown {
  if (schema === undefined || typeof value !== 'object' || value === null)
    return value === hidden && schema && isSecret(schema) && before !== undefined ? before : value;
  if (Array.isArray(value)) {
    const old = Array.isArray(before) ? before : [];
    return value.map((member, i) => restoreHidden(member, old[i], childSchema(schema, i)));
  }
  const old = (typeof before === 'object' && before !== null ? before : {}) as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => {
      const was = Object.hasOwn(old, key) ? old[key] : undefined;
      return [key, restoreHidden(member, was, childSchema(schema, key))];
    }),
  );
}

/** Does it refer to the environment or to a file where it did not? */
function refersAnew(value: unknown, before: unknown): boolean {
  const referring = (part: unknown): string[] =>
    typeof part === 'string'
      ? [part].filter((text) => text.includes('${'))
      : typeof part === 'object' && part !== null
        ? Object.values(part).flatMap(referring)
        : [];
  const known = referring(before);
  return referring(value).some((text) => !known.includes(text));
}

/** Comments and layout of everything else stay. @throws ControlError 409 where aliases stand in the way. */
function writeInto(text: string, { kind, name, value, before }: Omit<ResourceWish, 'match'>): string {
  const read = parseDocument(text, yamlOptions);
  const document: Document = isMap(read.contents) ? read : new Document({}, yamlOptions);
  const part = document.get(kind);
  if (kind === 'routes') writeRoute(document, { name, value, before });
  else if (value === undefined) document.deleteIn([kind, name]);
  else if (isMap(part)) part.set(name, document.createNode(value));
  else document.set(kind, document.createNode({ [name]: value }));
  try {
    return document.toString();
  } catch (error) {
    throw new ControlError(
      409,
      `The document cannot be changed in part (${(error as Error).message}): apply a whole one.`,
    );
  }
}

function writeRoute(
  document: Document,
  { name, value, before }: { name: string; value: unknown; before: string | undefined },
): void {
  let routes = document.get('routes');
  if (!isSeq(routes)) {
    document.set('routes', document.createNode([]));
    routes = document.get('routes');
  }
  if (!isSeq(routes)) return;
  const placeOf = (route: string) =>
    (routes as typeof routes & { items: unknown[] }).items.findIndex(
      (item) => isMap(item) && item.get('name') === route,
    );
  const at = placeOf(name);
  if (value === undefined) return void routes.delete(at);
  const node = document.createNode(value);
  if (at >= 0) return void routes.set(at, node);
  const place = before === undefined ? routes.items.length : placeOf(before);
  if (place < 0) throw new ControlError(400, `before: there is no route "${before}".`);
  routes.items.splice(place, 0, node);
}
