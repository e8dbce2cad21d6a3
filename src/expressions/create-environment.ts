import { createRequire } from 'node:module';
import type * as Cel from '@marcbachmann/cel-js';
import type { Environment } from '@marcbachmann/cel-js';
import { matchesLinearly } from './linear-matches.ts';
import { wrapperOf, type FieldTypes } from './wrapped-facts.ts';

/** What expressions may name: its fields and their types. */
export type Variables = Readonly<Record<string, FieldTypes<Record<string, unknown>>>>;

const limits = {
  maxAstNodes: 500,
  maxDepth: 50,
  maxListElements: 200,
  maxMapEntries: 50,
  maxCallArguments: 10,
};

/** Variables of an environment, and the classes that their values are of. */
export const wrappersOf = (variables: Variables) =>
  Object.fromEntries(Object.entries(variables).map(([name, fields]) => [name, wrapperOf(fields)]));

export interface EnvironmentParts {
  readonly variables: Variables;
  readonly wrappers: ReturnType<typeof wrappersOf>;
  /** Variables that have no fields of fixed names. */
  readonly maps?: readonly string[];
}

/** Loads the library: made when the first expression is, so that a gateway without any does not. */
export function createEnvironment({ variables, wrappers, maps = [] }: EnvironmentParts): Environment {
  const cel = createRequire(import.meta.url)('@marcbachmann/cel-js') as typeof Cel;
  const made = new cel.Environment({ limits });
  for (const [name, fields] of Object.entries(variables)) {
    const type = name.charAt(0).toUpperCase() + name.slice(1);
    made.registerType(type, { fields, ctor: wrappers[name] as never });
    made.registerVariable(name, type);
  }
  for (const name of maps) made.registerVariable(name, 'map<string, string>');
  made.registerFunction('string.matchesLinearly(string): bool', (text: string, pattern: string) =>
    matchesLinearly(text, pattern),
  );
  return made;
}
