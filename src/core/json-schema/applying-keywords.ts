import { isMembers, listOf, type Keyword, type Schema, type SchemaScope } from './keywords.ts';
import type { Check } from './run.ts';

export const reference: Keyword = (schema, scope) => {
  const { $ref } = schema;
  return typeof $ref === 'string' ? scope.ref($ref, schema) : null;
};

export const dynamicReference: Keyword = (schema, scope) => {
  const { $dynamicRef } = schema;
  return typeof $dynamicRef === 'string' && scope.dialect === '2020-12'
    ? scope.dynamicRef($dynamicRef, schema)
    : null;
};

function branchesOf(schema: Schema, keyword: string, scope: SchemaScope): Check[] | null {
  const list = listOf(schema, keyword, scope);
  return list && list.map((each, i) => scope.sub(each, keyword, i));
}

export const everyOf: Keyword = (schema, scope) => {
  const branches = branchesOf(schema, 'allOf', scope);
  if (!branches) return null;
  return (value, run) => {
    let holds = true;
    for (const branch of branches) {
      if (run.enter(branch, value)) continue;
      holds = false;
      if (run.isFull) break;
    }
    return holds;
  };
};

export const anyOf: Keyword = (schema, scope) => {
  const branches = branchesOf(schema, 'anyOf', scope);
  if (!branches) return null;
  const choose = discriminatorOf(schema, 'anyOf', scope);
  return (value, run) => {
    const chosen = choose(value);
    if (chosen !== null) return run.enter(branches[chosen]!, value);
    let holds = false;
    for (const branch of branches) {
      if (!run.try(branch, value)) continue;
      holds = true;
      if (run.evaluated === null) return true;
    }
    return holds || run.refuse('anyOf', `at least one of ${branches.length} alternatives`, value);
  };
};

export const oneOf: Keyword = (schema, scope) => {
  const branches = branchesOf(schema, 'oneOf', scope);
  if (!branches) return null;
  const choose = discriminatorOf(schema, 'oneOf', scope);
  return (value, run) => {
    const chosen = choose(value);
    if (chosen !== null) return run.enter(branches[chosen]!, value);
    let found = 0;
    for (const branch of branches) {
      if (!run.try(branch, value)) continue;
      if (++found > 1) return run.refuse('oneOf', `only one of ${branches.length} alternatives`, value);
    }
    return found === 1 || run.refuse('oneOf', `one of ${branches.length} alternatives`, value);
  };
};

/** Which of the alternatives a value says that it is (OpenAPI 3.1 §4.8.25); null: it does not say, or there is no such one. */
function discriminatorOf(
  schema: Schema,
  keyword: 'anyOf' | 'oneOf',
  scope: SchemaScope,
): (value: unknown) => number | null {
  const { discriminator, [keyword]: list } = schema;
  if (!isMembers(discriminator) || typeof discriminator['propertyName'] !== 'string') return () => null;
  const { propertyName, mapping } = discriminator as { propertyName: string; mapping?: unknown };
  const references = (list as unknown[]).map((each) =>
    isMembers(each) && typeof each['$ref'] === 'string' ? each['$ref'] : null,
  );
  const byName = new Map<string, number>();
  for (const [i, each] of references.entries())
    if (each !== null) byName.set(each.slice(each.lastIndexOf('/') + 1), i);
  for (const [value, target] of Object.entries(isMembers(mapping) ? mapping : {})) {
    if (typeof target !== 'string') scope.problem(`discriminator: expected a reference for "${value}"`);
    const at = references.indexOf(target);
    const index = at >= 0 ? at : byName.get(target);
    if (index !== undefined) byName.set(value, index);
  }
  return (value) => {
    const said = isMembers(value) && Object.hasOwn(value, propertyName) ? value[propertyName] : null;
    return typeof said === 'string' ? (byName.get(said) ?? null) : null;
  };
}

export const not: Keyword = (schema, scope) => {
  if (schema['not'] === undefined) return null;
  const check = scope.sub(schema['not'], 'not');
  return (value, run) =>
    !run.tryUnseen(check, value) || run.refuse('not', 'a value that is not as described there', value);
};

export const condition: Keyword = (schema, scope) => {
  if (schema['if'] === undefined || scope.dialect === 'openapi-3.0') return null;
  const test = scope.sub(schema['if'], 'if');
  const yes = schema['then'] === undefined ? null : scope.sub(schema['then'], 'then');
  const no = schema['else'] === undefined ? null : scope.sub(schema['else'], 'else');
  return (value, run) => {
    const next = run.try(test, value) ? yes : no;
    return next === null || run.enter(next, value);
  };
};
