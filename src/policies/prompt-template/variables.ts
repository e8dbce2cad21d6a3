import type { JsonObject } from '#core/call.ts';
import { LinearPattern } from '#core/linear-pattern.ts';
import type { PromptTemplateSettings } from './schema.ts';
import { refused } from './read-reference.ts';

type Variable = NonNullable<PromptTemplateSettings['templates'][string]['variables']>[string];

const usualLength = 10_000;

/** Checks what a caller gives, and adds what it leaves out. @throws SyntaxError for a pattern that cannot be held. */
export function compileVariables(
  variables: Readonly<Record<string, Variable>> = {},
): (given: JsonObject) => Record<string, unknown> {
  const checks = Object.entries(variables).map(([name, of]) => [name, checkOf(name, of)] as const);
  return (given) => {
    const unknown = Object.keys(given).find((name) => !Object.hasOwn(variables, name));
    if (unknown !== undefined) throw refused(`it has no variable "${unknown.slice(0, 64)}"`, 'variables');
    return Object.fromEntries(
      checks.map(([name, check]) => [name, check(Object.hasOwn(given, name) ? given[name] : undefined)]),
    );
  };
}

function checkOf(name: string, of: Variable): (value: unknown) => unknown {
  const { type = 'string', maxLength = usualLength, values, required = of.default === undefined } = of;
  const { min = -Infinity, max = Infinity } = of;
  const pattern = of.pattern === undefined ? null : new LinearPattern(of.pattern);
  const not = (what: string) => refused(`its variable "${name}" ${what}`, `variables.${name}`);
  return (value) => {
    if (value === undefined || value === null) {
      if (of.default !== undefined) return of.default;
      if (required) throw not('is missing');
      return null;
    }
    if (type !== 'json' && typeof value !== type) throw not(`is no ${type}`);
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    if (text.length > maxLength) throw not(`has ${text.length} characters; ${maxLength} are allowed`);
    if (typeof value === 'number' && !(value >= min && value <= max))
      throw not(`is not from ${min} to ${max}`);
    if (values && !values.some((one) => one === value)) throw not(`is none of ${values.join(', ')}`);
    if (pattern && !pattern.matches(text)) throw not('is not of the form that is wanted');
    return value;
  };
}
