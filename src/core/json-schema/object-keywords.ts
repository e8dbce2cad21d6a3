import { countOf, isMembers, membersOf, namesOf, type Keyword, type SchemaScope } from './keywords.ts';
import { lengthOf, type Check, type Run } from './run.ts';
import type { SearchPattern } from './search-pattern.ts';

type Members = Readonly<Record<string, unknown>>;

/** The check, where the value is an object. */
const ofObjects =
  (check: (value: Members, run: Run) => boolean): Check =>
  (value, run) =>
    !isMembers(value) || check(value, run);

export const minProperties: Keyword = (schema, scope) => {
  const least = countOf(schema, 'minProperties', scope);
  if (least === null) return null;
  return ofObjects(
    (value, run) =>
      Object.keys(value).length >= least ||
      run.refuse('minProperties', `at least ${least} properties`, value),
  );
};

export const maxProperties: Keyword = (schema, scope) => {
  const most = countOf(schema, 'maxProperties', scope);
  if (most === null) return null;
  return ofObjects(
    (value, run) =>
      Object.keys(value).length <= most || run.refuse('maxProperties', `at most ${most} properties`, value),
  );
};

/** What is only read need not be sent, and what is only written will not come (OpenAPI 3.0 §4.7.24.1). */
function oneSided(schema: Members, scope: SchemaScope): ReadonlySet<string> {
  const { properties } = schema;
  const { direction } = scope;
  if (direction === null || !isMembers(properties)) return new Set();
  const mark = direction === 'request' ? 'readOnly' : 'writeOnly';
  const names = Object.entries(properties).flatMap(([name, each]) => {
    const behind = scope.follow(each);
    return (isMembers(each) && each[mark] === true) || (isMembers(behind) && behind[mark] === true)
      ? [name]
      : [];
  });
  return new Set(names);
}

export const required: Keyword = (schema, scope) => {
  // In drafts before 4 it was a mark of the property itself, which many a document still has.
  if (schema['required'] === undefined || typeof schema['required'] === 'boolean') return null;
  const spared = oneSided(schema, scope);
  const names = namesOf(schema['required'], 'required', scope).filter((name) => !spared.has(name));
  return ofObjects((value, run) => {
    let holds = true;
    for (const name of names) {
      if (Object.hasOwn(value, name)) continue;
      holds = run.refuseMember(name, 'required', 'a value, which is required');
      if (run.isFull) break;
    }
    return holds;
  });
};

export const dependentRequired: Keyword = (schema, scope) => {
  const isOld = scope.dialect !== '2020-12';
  const members = membersOf(schema, isOld ? 'dependencies' : 'dependentRequired', scope);
  const lists = members
    ?.filter(([, names]) => !isOld || Array.isArray(names))
    .map(([name, names]) => [name, namesOf(names, 'dependentRequired', scope)] as const);
  if (!lists || lists.length === 0) return null;
  return ofObjects((value, run) => {
    let holds = true;
    for (const [name, names] of lists) {
      if (!Object.hasOwn(value, name)) continue;
      for (const other of names)
        if (!Object.hasOwn(value, other))
          holds = run.refuseMember(other, 'dependentRequired', `a value, since there is "${name}"`);
    }
    return holds;
  });
};

export const dependentSchemas: Keyword = (schema, scope) => {
  const isOld = scope.dialect !== '2020-12';
  const keyword = isOld ? 'dependencies' : 'dependentSchemas';
  const members = membersOf(schema, keyword, scope);
  const checks = members
    ?.filter(([, each]) => !isOld || !Array.isArray(each))
    .map(([name, each]) => [name, scope.sub(each, keyword, name)] as const);
  if (!checks || checks.length === 0) return null;
  return ofObjects((value, run) => {
    let holds = true;
    for (const [name, check] of checks)
      if (Object.hasOwn(value, name)) holds = run.enter(check, value) && holds;
    return holds;
  });
};

export const propertyNames: Keyword = (schema, scope) => {
  if (schema['propertyNames'] === undefined || scope.dialect === 'openapi-3.0') return null;
  const check = scope.sub(schema['propertyNames'], 'propertyNames');
  return ofObjects((value, run) => {
    let holds = true;
    for (const name of Object.keys(value)) {
      if (run.tryStep(check, name)) continue;
      holds = run.refuseMember(
        name,
        'propertyNames',
        'a name as described',
        `a name of ${lengthOf(name)} characters`,
      );
      if (run.isFull) return false;
    }
    return holds;
  });
};

interface Described {
  readonly named: ReadonlyMap<string, Check>;
  readonly patterns: readonly { readonly pattern: SearchPattern; readonly check: Check }[];
  /** `none`: there may be no others. */
  readonly others: Check | 'none' | null;
}

/** `properties`, `patternProperties` and `additionalProperties`: one walk over the members. */
export const properties: Keyword = (schema, scope) => {
  const described: Described = {
    named: new Map(
      (membersOf(schema, 'properties', scope) ?? []).map(([name, each]) => [
        name,
        scope.sub(each, 'properties', name),
      ]),
    ),
    patterns:
      scope.dialect === 'openapi-3.0'
        ? []
        : (membersOf(schema, 'patternProperties', scope) ?? []).map(([source, each]) => ({
            pattern: scope.pattern(source),
            check: scope.sub(each, 'patternProperties', source),
          })),
    others: othersOf(schema['additionalProperties'], scope),
  };
  const { named, patterns, others } = described;
  if (patterns.length === 0 && others === null) return named.size === 0 ? null : namedOnly(named);
  return ofObjects((value, run) => {
    let holds = true;
    for (const name of Object.keys(value)) {
      run.spend(1 + (name.length >> 5));
      if (!member(name, value[name], described, run)) {
        holds = false;
        if (run.isFull) return false;
      }
    }
    return holds;
  });
};

function othersOf(schema: unknown, scope: SchemaScope): Described['others'] {
  if (schema === undefined || schema === true)
    return schema === true && scope.dialect === '2020-12' ? scope.sub(true, 'additionalProperties') : null;
  return schema === false ? 'none' : scope.sub(schema, 'additionalProperties');
}

function namedOnly(named: ReadonlyMap<string, Check>): Check {
  const list = [...named];
  return ofObjects((value, run) => {
    let holds = true;
    for (const [name, check] of list) {
      if (!Object.hasOwn(value, name)) continue;
      if (!run.step(name, check, value[name])) {
        holds = false;
        if (run.isFull) return false;
      }
      run.evaluated?.names.add(name);
    }
    return holds;
  });
}

function member(name: string, value: unknown, { named, patterns, others }: Described, run: Run): boolean {
  let isKnown = false;
  let holds = true;
  const check = named.get(name);
  if (check) {
    isKnown = true;
    holds = run.step(name, check, value);
  }
  for (const { pattern, check: also } of patterns) {
    if (!pattern.matches(name)) continue;
    isKnown = true;
    holds = run.step(name, also, value) && holds;
  }
  if (!isKnown) {
    if (others === null) return true;
    if (others === 'none')
      return run.refuseMember(name, 'additionalProperties', 'no other property', 'one that is not described');
    holds = run.step(name, others, value);
  }
  run.evaluated?.names.add(name);
  return holds;
}

export const unevaluatedProperties: Keyword = (schema, scope) => {
  const others = schema['unevaluatedProperties'];
  if (others === undefined || scope.dialect !== '2020-12') return null;
  const check = scope.sub(others, 'unevaluatedProperties');
  return ofObjects((value, run) => {
    const { names } = run.evaluated!;
    let holds = true;
    for (const name of Object.keys(value)) {
      if (names.has(name)) continue;
      const isGood =
        others === false
          ? run.refuseMember(name, 'unevaluatedProperties', 'no other property', 'one that is not described')
          : run.step(name, check, value[name]);
      if (!isGood) {
        holds = false;
        if (run.isFull) return false;
      }
      names.add(name);
    }
    return holds;
  });
};
