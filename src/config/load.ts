import {
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Node,
  type Pair,
} from 'yaml';
import { Compile } from 'typebox/compile';
import type { PolicyKind } from '#core/contracts/policy.ts';
import { ConfigError, didYouMean, type ConfigProblem } from './problem.ts';
import { fillReferences, type ReferenceScope } from './references.ts';
import { ConfigSchema, type ConfigDocument } from './schema.ts';

export interface LoadScope extends ReferenceScope {
  readonly policyKinds: ReadonlyMap<string, PolicyKind>;
}

const maxBytes = 64 * 1024 * 1024;
const validator = Compile(ConfigSchema);
type Path = (string | number)[];

/**
 * Reads a configuration's text: YAML 1.2, validated, with references filled in.
 * @throws ConfigError with every problem, each with its place, what was expected and what came.
 */
export function parseConfig(text: string, scope: LoadScope): ConfigDocument {
  const source = scope.path ?? 'configuration';
  if (text.length > maxBytes)
    throw new ConfigError([{ path: '', message: 'larger than 64 MiB', line: 0, column: 0 }], source);
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    version: '1.2',
    uniqueKeys: true,
    prettyErrors: false,
  });
  const problems: ConfigProblem[] = document.errors.map((error) => {
    const { line, col } = lines.linePos(error.pos[0]);
    return { path: '', message: error.message, line, column: col };
  });
  if (problems.length) throw new ConfigError(problems, source);

  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    throw new ConfigError([{ path: '', message: (error as Error).message, line: 0, column: 0 }], source);
  }
  const place = (path: Path, onKey = false) => placeOf(document, lines, path, onKey);
  const filled = fill(value, [], (text, path) => {
    try {
      return fillReferences(text, scope);
    } catch (error) {
      problems.push({ ...place(path), message: (error as Error).message });
      return text;
    }
  });
  problems.push(...schemaProblems(filled, place));
  if (problems.length === 0)
    problems.push(...policyProblems(filled as ConfigDocument, scope.policyKinds, place));
  if (problems.length) throw new ConfigError(problems, source);
  return filled as ConfigDocument;
}

type Placer = (path: Path, onKey?: boolean) => Omit<ConfigProblem, 'message'>;

function fill(value: unknown, path: Path, change: (text: string, path: Path) => string): unknown {
  if (typeof value === 'string') return value.includes('${') ? change(value, path) : value;
  if (Array.isArray(value)) return value.map((item, i) => fill(item, [...path, i], change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, fill(item, [...path, key], change)]),
  );
}

function placeOf(
  document: Document,
  lines: LineCounter,
  path: Path,
  onKey: boolean,
): Omit<ConfigProblem, 'message'> {
  let node: Node | null = document.contents as Node | null;
  let offset = node?.range?.[0] ?? 0;
  for (let i = 0; i < path.length && node; i++) {
    const step = path[i]!;
    if (isMap(node)) {
      const pair: Pair | undefined = node.items.find(
        (item) => isScalar(item.key) && String(item.key.value) === String(step),
      );
      if (!pair) break;
      const last = i === path.length - 1;
      const key = pair.key as Node;
      node = pair.value as Node | null;
      offset = ((last && onKey) || !node ? key : node).range?.[0] ?? offset;
    } else if (isSeq(node)) {
      node = node.items[Number(step)] as Node | null;
      offset = node?.range?.[0] ?? offset;
    } else break;
  }
  const { line, col } = lines.linePos(offset);
  return { path: renderPath(path), line, column: col };
}

function renderPath(path: Path): string {
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
    .join('')
    .replace(/^\./, '');
}

/** `/routes/0/match` → ['routes', 0, 'match'] (RFC 6901). */
function parsePointer(pointer: string): Path {
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}

interface SchemaError {
  readonly keyword: string;
  readonly schemaPath: string;
  readonly instancePath: string;
  readonly params: Record<string, unknown>;
  readonly message: string;
}

/** Of a union's many errors only those of the alternative that came nearest help anybody. */
function schemaProblems(value: unknown, place: Placer): ConfigProblem[] {
  const errors = [...validator.Errors(value)] as unknown as SchemaError[];
  const problems = new Map<string, ConfigProblem>();
  for (const error of errors) {
    const path = parsePointer(error.instancePath);
    if (error.keyword === 'boolean' || error.keyword === 'anyOf') continue;
    if (error.keyword === 'additionalProperties') {
      for (const key of error.params['additionalProperties'] as string[]) {
        const message = `unknown key "${key}"${didYouMean(key, knownKeys(error.schemaPath))}`;
        problems.set(`${error.instancePath}/${key}`, { ...place([...path, key], true), message });
      }
    } else if (!problems.has(error.instancePath)) {
      problems.set(error.instancePath, { ...place(path), message: `${error.message}${came(value, path)}` });
    }
  }
  if (errors.length && problems.size === 0) {
    const path = parsePointer(errors[0]!.instancePath);
    problems.set('', { ...place(path), message: `${errors[0]!.message}${came(value, path)}` });
  }
  return withoutOtherAlternatives([...problems.values()], errors);
}

/** `to: { http: … }` also fails as `{ llm: … }`: that is no news. */
function withoutOtherAlternatives(
  problems: ConfigProblem[],
  errors: readonly SchemaError[],
): ConfigProblem[] {
  const unions = errors
    .filter((error) => error.keyword === 'anyOf')
    .map((error) => renderPath(parsePointer(error.instancePath)));
  return problems.filter((problem) => {
    const union = unions.find(
      (path) => path === problem.path && problems.some((other) => other.path.startsWith(`${path}.`)),
    );
    return union === undefined;
  });
}

function came(value: unknown, path: Path): string {
  let at: unknown = value;
  for (const step of path)
    at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[step] : undefined;
  if (at === undefined || /secret|apiKey|key$/i.test(String(path.at(-1)))) return '';
  const text = JSON.stringify(at);
  return `, got ${text.length > 60 ? `${text.slice(0, 57)}…` : text}`;
}

/** Names that the schema at a schema path knows. */
function knownKeys(schemaPath: string): string[] {
  let at: unknown = ConfigSchema;
  for (const step of parsePointer(schemaPath.slice(1))) {
    if (typeof at !== 'object' || at === null) return [];
    at = (at as Record<string, unknown>)[step];
  }
  const properties = (at as { properties?: object } | undefined)?.properties;
  return properties ? Object.keys(properties) : [];
}

function policyProblems(
  document: ConfigDocument,
  kinds: LoadScope['policyKinds'],
  place: Placer,
): ConfigProblem[] {
  const lists: { path: Path; entries: readonly unknown[] }[] = [
    { path: ['policies'], entries: document.policies ?? [] },
  ];
  document.routes?.forEach((route, i) =>
    lists.push({ path: ['routes', i, 'policies'], entries: route.policies ?? [] }),
  );
  const problems: ConfigProblem[] = [];
  for (const { path, entries } of lists) {
    entries.forEach((entry, i) => {
      if (typeof entry === 'string') return;
      const [kindName, settings] = Object.entries(entry as object)[0]! as [string, unknown];
      const kind = kinds.get(kindName);
      const at: Path = [...path, i, kindName];
      if (!kind) {
        const message = `unknown policy "${kindName}"${didYouMean(kindName, kinds.keys())}`;
        problems.push({ ...place(at, true), message });
        return;
      }
      for (const error of [
        ...Compile(kind.schema as never).Errors(settings ?? {}),
      ] as unknown as SchemaError[]) {
        const below = parsePointer(error.instancePath);
        if (error.keyword === 'boolean' || error.keyword === 'anyOf') continue;
        const unknown =
          error.keyword === 'additionalProperties' ? (error.params['additionalProperties'] as string[]) : [];
        const known = Object.keys((kind.schema as { properties?: object }).properties ?? {});
        if (unknown.length === 0) problems.push({ ...place([...at, ...below]), message: error.message });
        for (const key of unknown) {
          problems.push({
            ...place([...at, ...below, key], true),
            message: `unknown key "${key}"${didYouMean(key, known)}`,
          });
        }
      }
    });
  }
  return problems;
}
