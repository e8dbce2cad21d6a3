import type { Run } from './run.ts';

/** Alike for values that are equal in JSON Schema: `1` and `1.0`, objects whatever the order of their members. */
export function canonicalValue(value: unknown, run?: Run): string {
  if (typeof value === 'string') {
    run?.spend(1 + (value.length >> 6));
    return JSON.stringify(value);
  }
  run?.spend(1);
  // Minus zero is zero.
  if (typeof value === 'number') return value === 0 ? '0' : String(value);
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map((item) => canonicalValue(item, run)).join(',')}]`;
  const members = value as Readonly<Record<string, unknown>>;
  const names = Object.keys(members).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonicalValue(members[name], run)}`).join(',')}}`;
}
