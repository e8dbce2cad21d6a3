import type { Check } from './run.ts';
import type { SchemaDialect } from './schema-dialect.ts';
import type { SearchPattern } from './search-pattern.ts';

export type Schema = Readonly<Record<string, unknown>>;

/** What keywords are made ready with. */
export interface SchemaScope {
  readonly dialect: SchemaDialect;
  /** `request`: what is `readOnly` need not be there; `answer`: what is `writeOnly`. */
  readonly direction: 'request' | 'answer' | null;
  readonly formats: boolean;
  /** A schema below the one at hand. @throws SchemaProblem */
  sub(schema: unknown, ...steps: readonly (string | number)[]): Check;
  /** What a reference leads to, made ready when it is first needed. @throws SchemaProblem */
  ref(reference: string, from: Schema): Check;
  dynamicRef(reference: string, from: Schema): Check;
  /** The schema behind references, as it is written. */
  follow(schema: unknown): unknown;
  /** @throws SchemaProblem for what cannot be walked in linear time. */
  pattern(source: unknown): SearchPattern;
  /** @throws SchemaProblem */
  problem(message: string): never;
}

/** Makes the check of one keyword, or of some that belong together; null: they are not there, or say nothing. */
export type Keyword = (schema: Schema, scope: SchemaScope) => Check | null;

/** @throws SchemaProblem */
export function countOf(schema: Schema, keyword: string, scope: SchemaScope): number | null {
  const value = schema[keyword];
  if (value === undefined) return null;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  return scope.problem(`${keyword}: expected a whole number that is not negative`);
}

/** @throws SchemaProblem */
export function numberOf(schema: Schema, keyword: string, scope: SchemaScope): number | null {
  const value = schema[keyword];
  if (value === undefined) return null;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  return scope.problem(`${keyword}: expected a number`);
}

/** @throws SchemaProblem */
export function membersOf(schema: Schema, keyword: string, scope: SchemaScope): [string, unknown][] | null {
  const value = schema[keyword];
  if (value === undefined) return null;
  if (isMembers(value)) return Object.entries(value);
  return scope.problem(`${keyword}: expected an object of schemas`);
}

/** @throws SchemaProblem */
export function listOf(schema: Schema, keyword: string, scope: SchemaScope): readonly unknown[] | null {
  const value = schema[keyword];
  if (value === undefined) return null;
  if (Array.isArray(value)) return value as unknown[];
  return scope.problem(`${keyword}: expected a list`);
}

/** @throws SchemaProblem */
export function namesOf(value: unknown, keyword: string, scope: SchemaScope): readonly string[] {
  if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value;
  return scope.problem(`${keyword}: expected a list of names`);
}

export const isMembers = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Holds where all hold; finds out about all of them as long as anybody wants to know. */
export function allOf(checks: readonly Check[]): Check {
  if (checks.length === 1) return checks[0]!;
  return (value, run) => {
    let holds = true;
    for (const check of checks) {
      if (check(value, run)) continue;
      holds = false;
      if (run.isFull) break;
    }
    return holds;
  };
}
