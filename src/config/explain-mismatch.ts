import { Check, Errors } from 'typebox/schema';
import type { Path } from './places.ts';
import { didYouMean } from './problem.ts';

/** The part of JSON Schema that explanations understand; what is beyond it is explained in the validator's words. */
export interface JsonSchema {
  readonly type?: string;
  readonly title?: string;
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly minimum?: number;
  readonly maximum?: number;
  /** Of a secret: what came is never shown. */
  readonly writeOnly?: boolean;
  /** What its keys are called. */
  readonly 'x-keys'?: string;
}

export interface Mismatch {
  readonly path: Path;
  /** The key is what is wrong, not its value. */
  readonly onKey: boolean;
  readonly message: string;
}

/**
 * Everything in which a value departs from a schema: what was expected, what came. `written` is the value before its
 * references were filled in: only that is ever shown, and of secrets not even that.
 */
export function explainMismatches(schema: JsonSchema, value: unknown, written: unknown): Mismatch[] {
  const found: Mismatch[] = [];
  explain(schema, { value, written, path: [] }, found);
  return found;
}

interface At {
  readonly value: unknown;
  readonly written: unknown;
  readonly path: Path;
}

function explain(schema: JsonSchema, at: At, found: Mismatch[]): void {
  const fits: boolean = Check(schema as object, at.value);
  if (fits) return;
  const before = found.length;
  const expectation = () =>
    void found.push({
      path: at.path,
      onKey: false,
      message: `expected ${expectedOf(schema)}, got ${came(schema, at)}`,
    });
  if (isUnion(schema)) {
    const nearest = schema.title === undefined ? nearestOf(schema.anyOf ?? [], at.value) : null;
    if (nearest) explain(nearest, at, found);
    else expectation();
  } else if (!accepts(schema, at.value)) expectation();
  else if (schema.type === 'object' && isObject(at.value)) explainObject(schema, at.value, { at, found });
  else if (Array.isArray(at.value) && schema.items)
    for (const i of at.value.keys()) explain(schema.items, childOf(at, i), found);
  if (found.length > before) return;
  if (isSaidWhole(schema)) return expectation();
  const [, [error]] = Errors(schema as object, at.value);
  const message = `${error?.message ?? 'is not valid'}; got ${came(schema, at)}`;
  found.push({ path: at.path, onKey: false, message });
}

/** Does `expectedOf` say all that the schema asks of a value of the right kind? */
const isSaidWhole = (schema: JsonSchema): boolean =>
  schema.title !== undefined ||
  schema.const !== undefined ||
  schema.minimum !== undefined ||
  schema.maximum !== undefined;

function explainObject(
  schema: JsonSchema,
  value: Readonly<Record<string, unknown>>,
  { at, found }: { at: At; found: Mismatch[] },
): void {
  const known = Object.keys(schema.properties ?? {});
  for (const key of Object.keys(value)) {
    const child = childSchema(schema, key);
    if (child) explain(child, childOf(at, key), found);
    else if (schema.additionalProperties === false) {
      const what = schema['x-keys'] ?? 'key';
      const message = schema.patternProperties
        ? `"${key}" is not ${what}`
        : `unknown ${what} "${key}"${didYouMean(key, known)}`;
      found.push({ path: [...at.path, key], onKey: true, message });
    }
  }
  const lack = (what: string) => found.push({ path: at.path, onKey: true, message: `${what} is missing` });
  for (const key of schema.required ?? []) if (!Object.hasOwn(value, key)) lack(`"${key}"`);
  // Beside properties, alternatives say which of them there must be.
  const needed = (schema.anyOf ?? []).map((option) => option.required ?? []);
  if (needed.length && !needed.some((keys) => keys.every((key) => Object.hasOwn(value, key))))
    lack(needed.map((keys) => keys.map((key) => `"${key}"`).join(' with ')).join(' or '));
}

const isUnion = (schema: JsonSchema): boolean => schema.anyOf !== undefined && schema.type === undefined;

/** The schema of a member, or undefined where none is declared. */
export function childSchema(schema: JsonSchema, step: string | number): JsonSchema | undefined {
  if (typeof step === 'number' && schema.items) return schema.items;
  const key = String(step);
  if (schema.properties && Object.hasOwn(schema.properties, key)) return schema.properties[key];
  for (const [pattern, child] of Object.entries(schema.patternProperties ?? {}))
    if (new RegExp(pattern).test(key)) return child;
  if (typeof schema.additionalProperties === 'object') return schema.additionalProperties;
  for (const option of schema.anyOf ?? []) {
    const child = childSchema(option, step);
    if (child) return child;
  }
  return undefined;
}

const childOf = ({ value, written, path }: At, step: string | number): At => ({
  value: memberOf(value, step),
  written: memberOf(written, step),
  path: [...path, step],
});

function memberOf(value: unknown, step: string | number): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, step)
    ? (value as Record<string | number, unknown>)[step]
    : undefined;
}

/** Of a union's alternatives the one that was meant, by the kind of value and the keys it has. */
function nearestOf(options: readonly JsonSchema[], value: unknown): JsonSchema | null {
  if (typeof value !== 'object') return null;
  const fitting = options.filter((option) => accepts(option, value));
  if (fitting.length === 1) return fitting[0]!;
  if (!isObject(value)) return null;
  let best: JsonSchema | null = null;
  let most = 0;
  for (const option of fitting) {
    const shared = (option.required ?? []).filter((key) => Object.hasOwn(value, key)).length;
    if (shared > most) [best, most] = [option, shared];
  }
  return best;
}

/** Is it of the right kind, whatever else may be wrong with it? */
function accepts(schema: JsonSchema, value: unknown): boolean {
  if (isUnion(schema)) return schema.anyOf!.some((option) => accepts(option, value));
  switch (schema.type) {
    case 'object':
      return isObject(value);
    case 'array':
      return Array.isArray(value);
    case 'integer':
    case 'number':
      return typeof value === 'number';
    case 'string':
    case 'boolean':
      return typeof value === schema.type;
    default:
      return true;
  }
}

function expectedOf(schema: JsonSchema): string {
  if (schema.title !== undefined) return schema.title;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (isUnion(schema)) return [...new Set(schema.anyOf!.map(expectedOf))].join(' or ');
  const { minimum, maximum } = schema;
  const range =
    minimum === undefined
      ? ''
      : maximum === undefined
        ? ` from ${minimum} on`
        : ` from ${minimum} to ${maximum}`;
  switch (schema.type) {
    case 'object':
      return 'a mapping';
    case 'array':
      return 'a list';
    case 'integer':
      return `a whole number${range}`;
    case 'number':
      return `a number${range}`;
    case 'boolean':
      return 'true or false';
    default:
      return 'a string';
  }
}

/** What came, as it was written. A string where none belongs may well be a secret that slipped. */
function came(schema: JsonSchema, { value, written }: At): string {
  const shown = written === undefined ? value : written;
  if (shown === null || shown === undefined) return 'nothing';
  if (Array.isArray(shown)) return 'a list';
  if (typeof shown === 'object') return 'a mapping';
  if (typeof shown === 'string' && (isSecret(schema) || !takesScalars(schema))) return 'a string';
  if (isSecret(schema)) return `a ${typeof shown}`;
  const text = JSON.stringify(shown).replace(/\/\/[^/@\s]*@/g, '//…@');
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

const isSecret = (schema: JsonSchema): boolean =>
  schema.writeOnly === true || (schema.anyOf ?? []).some(isSecret);

const takesScalars = (schema: JsonSchema): boolean =>
  isUnion(schema) ? schema.anyOf!.some(takesScalars) : schema.type !== 'object' && schema.type !== 'array';

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
