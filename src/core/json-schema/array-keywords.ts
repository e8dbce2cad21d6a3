import { canonicalValue } from './canonical-value.ts';
import { countOf, listOf, type Keyword } from './keywords.ts';
import type { Check } from './run.ts';

export const minItems: Keyword = (schema, scope) => {
  const least = countOf(schema, 'minItems', scope);
  if (least === null) return null;
  return (value, run) =>
    !Array.isArray(value) ||
    value.length >= least ||
    run.refuse('minItems', `at least ${least} items`, value);
};

export const maxItems: Keyword = (schema, scope) => {
  const most = countOf(schema, 'maxItems', scope);
  if (most === null) return null;
  return (value, run) =>
    !Array.isArray(value) || value.length <= most || run.refuse('maxItems', `at most ${most} items`, value);
};

/** By what items are, in a set: the number of items decides, not that of their pairs. */
export const uniqueItems: Keyword = (schema) => {
  if (schema['uniqueItems'] !== true) return null;
  return (value, run) => {
    if (!Array.isArray(value)) return true;
    const seen = new Map<string, number>();
    for (const [i, item] of (value as unknown[]).entries()) {
      const key = canonicalValue(item, run);
      const before = seen.get(key);
      if (before !== undefined)
        return run.refuse('uniqueItems', 'items that are all different', value) || false;
      seen.set(key, i);
    }
    return true;
  };
};

/** `prefixItems` and `items`; in older drafts `items` as a list, and `additionalItems`. */
export const items: Keyword = (schema, scope) => {
  const isListed = Array.isArray(schema['items']) && scope.dialect !== '2020-12';
  const [first, rest] = isListed ? ['items', 'additionalItems'] : ['prefixItems', 'items'];
  const listed = isListed || scope.dialect === '2020-12' ? listOf(schema, first!, scope) : null;
  const checks = (listed ?? []).map((each, i) => scope.sub(each, first!, i));
  const others = schema[rest!] === undefined ? null : scope.sub(schema[rest!], rest!);
  if (checks.length === 0 && others === null) return null;
  return (value, run) => {
    if (!Array.isArray(value)) return true;
    const list = value as unknown[];
    const end = others ? list.length : Math.min(list.length, checks.length);
    let holds = true;
    for (let i = 0; i < end; i++) {
      const check: Check = checks[i] ?? others!;
      if (!run.step(i, check, list[i])) {
        holds = false;
        if (run.isFull) return false;
      }
      run.evaluated?.indexes.add(i);
    }
    return holds;
  };
};

export const contains: Keyword = (schema, scope) => {
  if (schema['contains'] === undefined || scope.dialect === 'openapi-3.0') return null;
  const check = scope.sub(schema['contains'], 'contains');
  const counts = scope.dialect === '2020-12';
  const least = (counts ? countOf(schema, 'minContains', scope) : null) ?? 1;
  const most = (counts ? countOf(schema, 'maxContains', scope) : null) ?? Infinity;
  return (value, run) => {
    if (!Array.isArray(value)) return true;
    let found = 0;
    for (const [i, item] of (value as unknown[]).entries()) {
      if (!run.tryStep(check, item)) continue;
      found++;
      run.evaluated?.indexes.add(i);
      if (found > most) break;
      // Whoever looks for what nobody looked at wants to know of all of them.
      if (found >= least && most === Infinity && run.evaluated === null) return true;
    }
    if (found < least) return run.refuse('contains', `at least ${least} of the items it describes`, value);
    return found <= most || run.refuse('maxContains', `at most ${most} of the items it describes`, value);
  };
};

export const unevaluatedItems: Keyword = (schema, scope) => {
  if (schema['unevaluatedItems'] === undefined || scope.dialect !== '2020-12') return null;
  const check = scope.sub(schema['unevaluatedItems'], 'unevaluatedItems');
  return (value, run) => {
    if (!Array.isArray(value)) return true;
    const { indexes } = run.evaluated!;
    let holds = true;
    for (const [i, item] of (value as unknown[]).entries()) {
      if (indexes.has(i)) continue;
      holds = run.step(i, check, item) && holds;
      if (!holds && run.isFull) return false;
      indexes.add(i);
    }
    return holds;
  };
};
