import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';

/** Counts come as texts (int64 in ProtoJSON). */
const limits = ['minItems', 'maxItems', 'minLength', 'maxLength', 'minProperties', 'maxProperties'];
/** Of the order of properties JSON Schema knows nothing, nor do the other dialects. */
const nameless = new Set(['propertyOrdering', 'property_ordering', 'nullable', 'type']);

/**
 * The vendor's subset of OpenAPI's schemas as JSON Schema: types in capitals, and a mark for what may be null.
 * https://ai.google.dev/api/caching#Schema
 */
export function toJsonSchema(schema: JsonObject): JsonObject {
  const result: Record<string, unknown> = {};
  const { type, nullable } = schema;
  if (typeof type === 'string' && type !== 'TYPE_UNSPECIFIED')
    result['type'] = nullable === true ? [type.toLowerCase(), 'null'] : type.toLowerCase();
  for (const [key, value] of Object.entries(schema)) {
    if (nameless.has(key)) continue;
    const name = key === 'any_of' ? 'anyOf' : key === 'example' ? 'examples' : key;
    if (name === 'properties' && isObject(value))
      result[name] = Object.fromEntries(Object.entries(value).map(([at, of]) => [at, nested(of)]));
    else if (name === 'anyOf' && Array.isArray(value)) result[name] = value.map(nested);
    else if (name === 'items') result[name] = nested(value);
    else if (name === 'examples') result[name] = [value];
    else result[name] = limits.includes(name) && typeof value === 'string' ? Number(value) : value;
  }
  return result;
}

const nested = (value: unknown): unknown => (isObject(value) ? toJsonSchema(value) : value);
