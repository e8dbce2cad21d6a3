import { isMembers } from '../json-schema/keywords.ts';

/** What a text is to be read as: by the types its schema names. */
export interface ValueShape {
  /** `string` among them: a text may stay one. */
  readonly types: ReadonlySet<string>;
  /** Of items; null where nothing is said. */
  readonly items: ValueShape | null;
  readonly members: ReadonlyMap<string, ValueShape>;
}

const plain: ValueShape = { types: new Set(), items: null, members: new Map() };
/** Schemas may lead to themselves. */
const deepest = 6;

/** Of a schema, with all that it may be. `follow` leads through references. */
export function shapeOf(schema: unknown, follow: (schema: unknown) => unknown, depth = 0): ValueShape {
  const found = follow(schema);
  if (!isMembers(found) || depth > deepest) return plain;
  const types = new Set<string>();
  const members = new Map<string, ValueShape>();
  const { type, nullable, items, properties } = found;
  for (const name of Array.isArray(type) ? (type as unknown[]) : [type])
    if (typeof name === 'string') types.add(name);
  if (nullable === true) types.add('null');
  let own = items === undefined ? null : shapeOf(items, follow, depth + 1);
  if (isMembers(properties))
    for (const [name, each] of Object.entries(properties))
      members.set(name, shapeOf(each, follow, depth + 1));
  if (types.size === 0) for (const value of valuesOf(found)) types.add(typeName(value));
  for (const keyword of ['allOf', 'anyOf', 'oneOf'])
    for (const branch of Array.isArray(found[keyword]) ? (found[keyword] as unknown[]) : []) {
      const other = shapeOf(branch, follow, depth + 1);
      for (const name of other.types) types.add(name);
      for (const [name, each] of other.members) if (!members.has(name)) members.set(name, each);
      own ??= other.items;
    }
  return { types, items: own, members };
}

function valuesOf(schema: Readonly<Record<string, unknown>>): readonly unknown[] {
  if (Array.isArray(schema['enum'])) return schema['enum'] as unknown[];
  return 'const' in schema ? [schema['const']] : [];
}

const typeName = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;

const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?$/i;

/** A text as what it is meant to be; one that is nothing of that kind stays a text, which its schema will not take. */
export function readScalar(text: string, { types }: ValueShape): unknown {
  if ((types.has('number') || types.has('integer')) && number.test(text)) return Number(text);
  if (types.has('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  if (types.has('null') && !types.has('string') && (text === '' || text === 'null')) return null;
  return text;
}
