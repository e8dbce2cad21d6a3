/** Reading fields of a client's JSON: what does not fit is refused with its path, what was expected, and what came. */
import type { JsonObject } from './call.ts';
import { Fault } from './fault.ts';

export function invalidField(path: string, expected: string, came: unknown): Fault {
  return new Fault('request/invalid-field', `${path}: expected ${expected}, got ${describe(came)}.`, {
    field: path,
  });
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 37)}…` : text;
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function readObject(value: unknown, path: string): JsonObject {
  if (!isObject(value)) throw invalidField(path, 'an object', value);
  return value;
}

export function readArray(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalidField(path, 'an array', value);
  return value;
}

export function readString(value: unknown, path: string): string {
  if (typeof value !== 'string') throw invalidField(path, 'a string', value);
  return value;
}

type Reader<T> = (value: unknown, path: string) => T;

/** Null for a field that is absent or null. */
export function optional<T>(value: unknown, path: string, read: Reader<T>): T | null {
  return value === undefined || value === null ? null : read(value, path);
}

export function readNumber(value: unknown, path: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw invalidField(path, 'a number', value);
  return value;
}

export function readCount(value: unknown, path: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw invalidField(path, 'a non-negative integer', value);
  }
  return value;
}

export function readBoolean(value: unknown, path: string): boolean {
  if (typeof value !== 'boolean') throw invalidField(path, 'true or false', value);
  return value;
}

/** The fields that are not among those known, without those that say nothing. */
export function restOf(value: JsonObject, known: ReadonlySet<string>): JsonObject | undefined {
  let rest: Record<string, unknown> | undefined;
  for (const [key, field] of Object.entries(value)) {
    if (known.has(key) || field === null || field === undefined) continue;
    rest ??= Object.create(null) as Record<string, unknown>;
    rest[key] = field;
  }
  return rest;
}
