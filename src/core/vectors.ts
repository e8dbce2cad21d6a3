import { Fault } from './fault.ts';
import { isObject } from './read-json.ts';

/** Base64 of floats of 32 bits, little-endian: how many clients ask for vectors without knowing it. */
export function toBase64(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [i, value] of vector.entries()) bytes.writeFloatLE(value, i * 4);
  return bytes.toString('base64');
}

export function fromBase64(text: string): number[] {
  const bytes = Buffer.from(text, 'base64');
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, i) => bytes.readFloatLE(i * 4));
}

/** @throws Fault `upstream/malformed-answer`. */
export function readVector(value: unknown): readonly number[] {
  if (typeof value === 'string') return fromBase64(value);
  if (Array.isArray(value) && value.every((number) => typeof number === 'number')) return value as number[];
  throw malformed('a vector of numbers');
}

/** A list within an answer. @throws Fault `upstream/malformed-answer`. */
export function readList(body: unknown, name: string): readonly unknown[] {
  const list = isObject(body) ? body[name] : undefined;
  if (!Array.isArray(list)) throw malformed(`a list "${name}"`);
  return list;
}

export const malformed = (what: string): Fault =>
  new Fault('upstream/malformed-answer', `The upstream's answer was to hold ${what}, and does not.`);
