import { canonicalValue } from './canonical-value.ts';
import { formatOf } from './formats.ts';
import { countOf, numberOf, type Keyword, type Schema, type SchemaScope } from './keywords.ts';
import { lengthOf } from './run.ts';

const typeTests: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number' && Number.isFinite(value),
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
  array: (value) => Array.isArray(value),
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

export const type: Keyword = (schema, scope) => {
  const { type: said } = schema;
  if (said === undefined) return null;
  const names: unknown[] = Array.isArray(said) ? [...(said as unknown[])] : [said];
  if (scope.dialect === 'openapi-3.0' && schema['nullable'] === true) names.push('null');
  const tests = names.map((name) =>
    typeof name === 'string' && Object.hasOwn(typeTests, name)
      ? typeTests[name]!
      : scope.problem(`type: expected one of ${Object.keys(typeTests).join(', ')}`),
  );
  const expected = names.join(' or ');
  if (tests.length === 1) {
    const test = tests[0]!;
    return (value, run) => test(value) || run.refuse('type', expected, value);
  }
  return (value, run) => tests.some((test) => test(value)) || run.refuse('type', expected, value);
};

/** So many of the values that can be are told. */
const toldValues = 8;

const told = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
};

/** Many of them cost no more than few. */
const oneOfValues = (keyword: string, values: readonly unknown[]): ReturnType<Keyword> => {
  const known = new Set(values.map((value) => canonicalValue(value)));
  const more = values.length > toldValues ? `, … (${values.length} in all)` : '';
  const expected = values.slice(0, toldValues).map(told).join(', ') + more;
  return (value, run) =>
    known.has(canonicalValue(value, run)) ||
    run.refuse(keyword, values.length === 1 ? expected : `one of ${expected}`, value);
};

export const enumeration: Keyword = ({ enum: values }, scope) => {
  if (values === undefined) return null;
  if (!Array.isArray(values)) return scope.problem('enum: expected a list');
  return oneOfValues('enum', values);
};

export const constant: Keyword = (schema, { dialect }) =>
  'const' in schema && dialect !== 'openapi-3.0' ? oneOfValues('const', [schema['const']]) : null;

const bound =
  (keyword: string, words: string, holds: (value: number, limit: number) => boolean) =>
  (limit: number): NonNullable<ReturnType<Keyword>> =>
  (value, run) =>
    typeof value !== 'number' || holds(value, limit) || run.refuse(keyword, `${words} ${limit}`, value);

const atLeast = bound('minimum', 'at least', (value, limit) => value >= limit);
const atMost = bound('maximum', 'at most', (value, limit) => value <= limit);
const above = bound('exclusiveMinimum', 'more than', (value, limit) => value > limit);
const below = bound('exclusiveMaximum', 'less than', (value, limit) => value < limit);

/** In OpenAPI 3.0 `exclusive…` says of the bound beside it that it is one that is not reached. */
function boundOf(schema: Schema, scope: SchemaScope, side: 'minimum' | 'maximum'): ReturnType<Keyword> {
  const limit = numberOf(schema, side, scope);
  if (limit === null) return null;
  const isExclusive =
    scope.dialect === 'openapi-3.0' &&
    schema[side === 'minimum' ? 'exclusiveMinimum' : 'exclusiveMaximum'] === true;
  if (side === 'minimum') return (isExclusive ? above : atLeast)(limit);
  return (isExclusive ? below : atMost)(limit);
}

export const minimum: Keyword = (schema, scope) => boundOf(schema, scope, 'minimum');
export const maximum: Keyword = (schema, scope) => boundOf(schema, scope, 'maximum');

const exclusive =
  (keyword: string, check: typeof above): Keyword =>
  (schema, scope) => {
    if (scope.dialect === 'openapi-3.0' && typeof schema[keyword] === 'boolean') return null;
    const limit = numberOf(schema, keyword, scope);
    return limit === null ? null : check(limit);
  };
export const exclusiveMinimum = exclusive('exclusiveMinimum', above);
export const exclusiveMaximum = exclusive('exclusiveMaximum', below);

export const multipleOf: Keyword = (schema, scope) => {
  const step = numberOf(schema, 'multipleOf', scope);
  if (step === null) return null;
  if (step <= 0) return scope.problem('multipleOf: expected a number above 0');
  return (value, run) =>
    typeof value !== 'number' ||
    isMultiple(value, step) ||
    run.refuse('multipleOf', `a multiple of ${step}`, value);
};

/** By decimals, which is what was written: 0.0075 is a multiple of 0.0001, whatever floats make of it. */
function isMultiple(value: number, step: number): boolean {
  if (!Number.isFinite(value)) return false;
  if (Number.isSafeInteger(value) && Number.isSafeInteger(step)) return value % step === 0;
  const [one, other] = [decimalOf(value), decimalOf(step)];
  const places = Math.max(one.places, other.places);
  const scaled = ({ digits, places: own }: ReturnType<typeof decimalOf>) =>
    digits * 10n ** BigInt(places - own);
  return scaled(one) % scaled(other) === 0n;
}

function decimalOf(value: number): { readonly digits: bigint; readonly places: number } {
  const [mantissa, exponent = '0'] = String(value).split('e') as [string, string?];
  const [whole, fraction = ''] = mantissa.split('.') as [string, string?];
  const places = fraction.length - Number(exponent);
  const digits = BigInt(whole + fraction);
  return places >= 0 ? { digits, places } : { digits: digits * 10n ** BigInt(-places), places: 0 };
}

export const minLength: Keyword = (schema, scope) => {
  const least = countOf(schema, 'minLength', scope);
  if (least === null) return null;
  const expected = `at least ${least} characters`;
  return (value, run) =>
    typeof value !== 'string' ||
    (value.length >= least && (value.length >= 2 * least || lengthOf(value) >= least)) ||
    run.refuse('minLength', expected, value);
};

export const maxLength: Keyword = (schema, scope) => {
  const most = countOf(schema, 'maxLength', scope);
  if (most === null) return null;
  const expected = `at most ${most} characters`;
  return (value, run) =>
    typeof value !== 'string' ||
    value.length <= most ||
    (value.length <= 2 * most && lengthOf(value) <= most) ||
    run.refuse('maxLength', expected, value);
};

/** Characters of a text that a pattern takes in one step of work. */
const charactersAStep = 32;

export const pattern: Keyword = (schema, scope) => {
  if (schema['pattern'] === undefined) return null;
  const compiled = scope.pattern(schema['pattern']);
  const expected = `a text of the pattern ${compiled.source.slice(0, 100)}`;
  return (value, run) => {
    if (typeof value !== 'string') return true;
    run.spend(Math.ceil(value.length / charactersAStep));
    return compiled.matches(value) || run.refuse('pattern', expected, value);
  };
};

export const format: Keyword = ({ format: name }, scope) => {
  const holds = scope.formats && typeof name === 'string' ? formatOf(name) : undefined;
  if (!holds) return null;
  return (value, run) => {
    if (typeof value === 'string') run.spend(Math.ceil(value.length / charactersAStep));
    return holds(value) || run.refuse('format', `the format ${name as string}`, value);
  };
};
