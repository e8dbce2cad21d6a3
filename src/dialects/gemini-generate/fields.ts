import type { JsonObject } from '#core/call.ts';
import { invalidField, readObject } from '#core/read-json.ts';

const camelName = (name: string): string =>
  name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/**
 * A message with its fields in camel case: the vendor takes them in snake case, too (ProtoJSON). What lies below them is left
 * as it is. @throws Fault for a field that is given in both ways.
 */
export function readMessage(value: unknown, path: string): JsonObject {
  const message = readObject(value, path);
  const names = Object.keys(message);
  if (!names.some((name) => name.includes('_'))) return message;
  const read = Object.create(null) as Record<string, unknown>;
  for (const name of names) {
    const camel = camelName(name);
    if (camel in read)
      throw invalidField(path === '' ? camel : `${path}.${camel}`, 'one spelling of the field', message);
    read[camel] = message[name];
  }
  return read;
}

/** A repeated field: one alone may stand without its brackets. */
export function readRepeated(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}
