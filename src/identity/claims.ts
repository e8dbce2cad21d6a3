import type { JsonObject } from '#core/call.ts';

/**
 * A claim by its name; where none has it, names of nested objects joined by dots (`realm_access.roles`). Undefined: it says nothing.
 */
export function claimAt(claims: JsonObject, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let value: unknown = claims;
  for (const step of name.split('.')) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    if (!Object.hasOwn(value, step)) return undefined;
    value = (value as JsonObject)[step];
  }
  return value;
}

/** The texts of a claim: one, or those of a list. What is no text, number or truth is left out. */
export function textsOf(value: unknown): string[] {
  const texts = (Array.isArray(value) ? value : [value]).map((each: unknown) =>
    typeof each === 'string' ? each : typeof each === 'number' || typeof each === 'boolean' ? `${each}` : '',
  );
  return texts.filter((text) => text !== '');
}

/** A list as issuers write it: a JSON list, or one text with spaces between (RFC 8693 §4.2). */
export const wordsOf = (value: unknown): string[] =>
  textsOf(value).flatMap((text) => text.split(' ').filter((word) => word !== ''));

const maxClaims = 100;
const maxDepth = 4;

/** As `Exchange.claims` holds them; what is deeper, or beyond a hundred, is left out. */
export function flatClaims(claims: JsonObject): Readonly<Record<string, string>> {
  const flat = Object.create(null) as Record<string, string>;
  let left = maxClaims;
  const put = (name: string, value: unknown, depth: number): void => {
    if (left <= 0) return;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      if (depth >= maxDepth) return;
      for (const [inner, each] of Object.entries(value)) put(`${name}.${inner}`, each, depth + 1);
      return;
    }
    const texts = textsOf(value);
    if (texts.length === 0 || name in flat) return;
    flat[name] = texts.join(' ');
    left--;
  };
  for (const [name, value] of Object.entries(claims)) put(name, value, 1);
  return flat;
}
