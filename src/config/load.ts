import { isMap, LineCounter, parseDocument, visit, type Document } from 'yaml';
import { Check } from 'typebox/schema';
import { childSchema, explainMismatches, type JsonSchema } from './explain-mismatch.ts';
import { placesOf, yamlOptions, type FindPlace, type Path } from './places.ts';
import { byPlace, ConfigError, type ConfigProblem } from './problem.ts';
import { fillReferences, isReference, type ReferenceScope } from './references.ts';
import { documentSchema, policySchema, type ConfigDocument, type PolicySchemas } from './schema.ts';

export interface LoadScope extends ReferenceScope {
  /** JSON Schema of each policy's settings, by the policy's name. */
  readonly policySchemas: PolicySchemas;
  /** What messages call a document that is not the file. */
  readonly name?: string;
}

const maxCharacters = 16 * 1024 * 1024;
/** Nodes that aliases may multiply into (`*a` of a list of `*b` of …). */
const maxAliasCount = 100;

export interface WrittenDocument {
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
  /** As it was written: references are not filled in, and nothing was validated. */
  readonly written: unknown;
}

/** Reads a configuration's text, whatever it says. @throws ConfigError when it is no YAML. */
export function readDocument(text: string, source: string): WrittenDocument {
  const refuse = (message: string) => new ConfigError([{ path: '', message, line: 0, column: 0 }], source);
  if (text.length > maxCharacters) throw refuse('larger than 16 Mi characters');
  const lines = new LineCounter();
  const document = parseDocument(text, { ...yamlOptions, lineCounter: lines });
  const broken = syntaxProblems(document, { text, lines });
  if (broken.length) throw new ConfigError(broken, source);
  keepDecimals(document);
  try {
    return { document, lines, written: withSettings(document.toJS({ maxAliasCount }) ?? {}) };
  } catch (error) {
    throw refuse((error as Error).message);
  }
}

/**
 * Reads a configuration's text: YAML 1.2, validated, with references filled in.
 * @throws ConfigError with every problem, each with its place, what was expected and what came.
 */
export function parseConfig(text: string, scope: LoadScope): ConfigDocument {
  const source = scope.name ?? scope.path ?? 'configuration';
  const { document, lines, written } = readDocument(text, source);
  const problems: ConfigProblem[] = [];
  const place = placesOf(document, lines);
  const schema = documentSchema(policySchema(scope.policySchemas)) as unknown as JsonSchema;
  const filled = fill(written, schema, { path: [], scope, place, problems });
  if (!Check(schema as object, filled)) {
    const unfilled = new Set(problems.map((problem) => problem.path));
    for (const { path, onKey, message } of explainMismatches(schema, filled, written)) {
      const at = place(path, onKey);
      // A reference that could not be filled in is wrong anyhow, and said already.
      if (!unfilled.has(at.path)) problems.push({ ...at, message });
    }
  }
  if (problems.length) throw new ConfigError(problems.sort(byPlace), source);
  return filled as ConfigDocument;
}

/**
 * One part of a configuration by itself, where the whole cannot be read yet: null when the text does not have it, or it is not as
 * it should be, which reading the whole will say.
 */
export function parsePart(text: string, key: 'secrets', scope: LoadScope): ConfigDocument['secrets'] | null {
  const { document, lines, written } = readDocument(text, scope.name ?? 'configuration');
  const part = (written as Record<string, unknown>)[key];
  if (part === undefined) return null;
  const problems: ConfigProblem[] = [];
  const whole = documentSchema(policySchema(scope.policySchemas)) as unknown as JsonSchema;
  const schema = childSchema(whole, key);
  const filled = fill(part, schema, { path: [key], scope, place: placesOf(document, lines), problems });
  return problems.length === 0 && Check(schema as object, filled)
    ? (filled as ConfigDocument['secrets'])
    : null;
}

function syntaxProblems(
  document: Document.Parsed,
  { text, lines }: { text: string; lines: LineCounter },
): ConfigProblem[] {
  return [...document.errors, ...document.warnings].map((error) => {
    const { line, col } = lines.linePos(error.pos[0]);
    const unquoted = /[{,][^'"]*\$\{/.test(text.split('\n')[line - 1] ?? '');
    const hint = unquoted ? "; inside { } a reference needs quotes: '${env:NAME}'" : '';
    return { path: '', message: error.message + hint, line, column: col };
  });
}

/** Prices stay the text they were written as: no float ever touches money. */
function keepDecimals(document: Document.Parsed): void {
  if (!isMap(document.contents)) return;
  for (const name of ['prices', 'charges']) {
    const prices = document.contents.get(name, true);
    if (!isMap(prices)) continue;
    visit(prices, {
      Scalar(key, node) {
        if (key !== 'key' && typeof node.value === 'number' && node.source !== undefined)
          node.value = node.source;
      },
    });
  }
}

/** `- key-auth:` says what `- key-auth: {}` says. */
function withSettings(document: unknown): unknown {
  const listsOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
  const policiesOf = (value: unknown) =>
    typeof value === 'object' && value !== null && 'policies' in value ? listsOf(value.policies) : [];
  const routes =
    typeof document === 'object' && document !== null && 'routes' in document ? document.routes : [];
  for (const entry of [...policiesOf(document), ...listsOf(routes).flatMap(policiesOf)]) {
    if (typeof entry !== 'object' || entry === null) continue;
    for (const [kind, settings] of Object.entries(entry))
      if (settings === null) (entry as Record<string, unknown>)[kind] = {};
  }
  return document;
}

interface Filling {
  readonly path: Path;
  readonly scope: ReferenceScope;
  readonly place: FindPlace;
  readonly problems: ConfigProblem[];
}

function fill(value: unknown, schema: JsonSchema | undefined, filling: Filling): unknown {
  const member = (item: unknown, step: string | number) =>
    fill(item, schema && childSchema(schema, step), { ...filling, path: [...filling.path, step] });
  if (typeof value === 'string') return value.includes('${') ? fillString(value, schema, filling) : value;
  if (Array.isArray(value)) return value.map(member);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, member(item, key)]));
}

function fillString(text: string, schema: JsonSchema | undefined, filling: Filling): unknown {
  let filled: string;
  try {
    filled = fillReferences(text, filling.scope);
  } catch (error) {
    filling.problems.push({ ...filling.place(filling.path), message: (error as Error).message });
    return text;
  }
  // `port: ${env:PORT}`: the environment has strings only, so the schema says what was meant.
  if (schema && isReference(text) && !Check(schema as object, filled)) {
    const meant = /^(?:0|[1-9]\d{0,14})$/.test(filled)
      ? Number(filled)
      : { true: true, false: false }[filled];
    if (meant !== undefined && Check(schema as object, meant)) return meant;
  }
  return filled;
}
