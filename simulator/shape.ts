/** A JSON object whose members have not been looked at yet. */
export type Json = Record<string, unknown>;

/** What a vendor answers with status 400. `where` is the path of the offending member, as vendors name it. */
export class BadRequest extends Error {
  readonly where: string;
  readonly code: string | null;

  constructor(where: string, message: string, code: string | null = null) {
    super(message);
    this.where = where;
    this.code = code;
  }
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function requireObject(value: unknown, where: string): Json {
  if (!isObject(value)) throw new BadRequest(where, `${where}: expected an object, got ${kindOf(value)}`);
  return value;
}

export function requireString(value: unknown, where: string): string {
  if (typeof value !== 'string')
    throw new BadRequest(where, `${where}: expected a string, got ${kindOf(value)}`);
  return value;
}

export function requireText(value: unknown, where: string): string {
  const text = requireString(value, where);
  if (text === '') throw new BadRequest(where, `${where}: must not be empty`);
  return text;
}

export function requireArray(value: unknown, where: string): unknown[] {
  if (!Array.isArray(value)) throw new BadRequest(where, `${where}: expected an array, got ${kindOf(value)}`);
  return value;
}

export function requireBoolean(value: unknown, where: string): boolean {
  if (typeof value !== 'boolean') {
    throw new BadRequest(where, `${where}: expected a boolean, got ${kindOf(value)}`);
  }
  return value;
}

/** A finite number within `range`, both ends included. */
export function requireNumber(value: unknown, where: string, range: readonly [number, number]): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new BadRequest(where, `${where}: expected a number, got ${kindOf(value)}`);
  }
  if (value < range[0] || value > range[1]) {
    throw new BadRequest(where, `${where}: ${value} is not between ${range[0]} and ${range[1]}`);
  }
  return value;
}

export function requireInteger(value: unknown, where: string, range: readonly [number, number]): number {
  const number = requireNumber(value, where, range);
  if (!Number.isInteger(number)) throw new BadRequest(where, `${where}: ${number} is not an integer`);
  return number;
}

export function requireOneOf<T extends string>(value: unknown, where: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) {
    const got = typeof value === 'string' ? `'${value}'` : kindOf(value);
    throw new BadRequest(where, `${where}: ${got} is not one of ${allowed.join(', ')}`);
  }
  return found;
}

export function requireMatch(value: unknown, where: string, pattern: RegExp): string {
  const text = requireString(value, where);
  if (!pattern.test(text))
    throw new BadRequest(where, `${where}: string should match pattern '${pattern.source}'`);
  return text;
}

/** Runs `check` unless the member is absent or null; answers undefined then. */
export function ifPresent<T>(value: unknown, check: (present: unknown) => T): T | undefined {
  return value === undefined || value === null ? undefined : check(value);
}

/** Reads a list of names written as prose. */
export function listWords(text: string): string[] {
  return text.trim().split(/\s+/);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'nothing';
  return Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`;
}
