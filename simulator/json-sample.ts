import { isObject } from './shape.ts';

/**
 * Makes a small value that satisfies a simple JSON schema: type, properties, items, enum, const, minimum,
 * minItems, minLength, anyOf/oneOf (the first), local `$ref` into `$defs` or `definitions`.
 */
export function sampleOf(schema: unknown, root: unknown = schema, depth = 0): unknown {
  if (!isObject(schema) || depth > 8) return null;
  if (typeof schema.$ref === 'string') return sampleOf(resolveRef(schema.$ref, root), root, depth + 1);
  if ('const' in schema) return schema.const;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(alternatives)) return sampleOf(alternatives[0], root, depth + 1);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  const minimum = typeof schema.minimum === 'number' ? schema.minimum : undefined;
  switch (type) {
    case 'string':
      return 'sample'.padEnd(typeof schema.minLength === 'number' ? schema.minLength : 0, '.');
    case 'integer':
      return Math.ceil(minimum ?? 1);
    case 'number':
      return minimum ?? 1.5;
    case 'boolean':
      return true;
    case 'null':
      return null;
    case 'array': {
      const length = typeof schema.minItems === 'number' ? schema.minItems : 1;
      return Array.from({ length }, () => sampleOf(schema.items ?? { type: 'string' }, root, depth + 1));
    }
    default:
      return sampleObject(isObject(schema.properties) ? schema.properties : {}, root, depth);
  }
}

function sampleObject(properties: Record<string, unknown>, root: unknown, depth: number): unknown {
  const entries = Object.entries(properties);
  return Object.fromEntries(entries.map(([name, property]) => [name, sampleOf(property, root, depth + 1)]));
}

function resolveRef(ref: string, root: unknown): unknown {
  let found = root;
  for (const step of ref.replace(/^#\/?/, '').split('/')) {
    if (step && isObject(found)) found = found[step];
  }
  return found;
}
