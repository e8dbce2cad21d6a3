import { LinearPattern } from '#core/linear-pattern.ts';
import { anywhere, literal, type Piece } from '../draft.ts';

/** What a head must have, in the words of a route's `match` and of a part's `when`. */
export interface HeadConditions {
  readonly headers: Record<string, unknown>;
  readonly query: Record<string, unknown>;
  readonly cookies: Record<string, unknown>;
  readonly clients: string[];
}

/**
 * Conditions on request variables: `[name, operator, value]`, all of which must hold. Null where one of them cannot be said: a route that left it out would take what is not its own.
 */
export function readVars(vars: unknown): HeadConditions | null {
  const found: HeadConditions = { headers: {}, query: {}, cookies: {}, clients: [] };
  if (!Array.isArray(vars)) return null;
  for (const each of vars as unknown[]) {
    if (!Array.isArray(each) || each.length !== 3 || !take(found, each)) return null;
  }
  return found;
}

function take(found: HeadConditions, [name, operator, value]: readonly unknown[]): boolean {
  if (typeof name !== 'string' || typeof operator !== 'string') return false;
  if (name === 'remote_addr' && operator.toLowerCase() === 'ipmatch' && Array.isArray(value)) {
    found.clients.push(...value.map(String));
    return true;
  }
  const test = testOf(operator, value);
  if (test === null) return false;
  const [, kind, rest] = /^(http|arg|cookie)_(.+)$/.exec(name) ?? [];
  if (kind === undefined || rest === undefined) return false;
  const key = kind === 'http' ? rest.toLowerCase().replaceAll('_', '-') : rest;
  const part = kind === 'http' ? found.headers : kind === 'arg' ? found.query : found.cookies;
  if (Object.hasOwn(part, key) || (kind !== 'arg' && !/^[A-Za-z0-9_-]+$/.test(key))) return false;
  if (kind === 'http' && (key === 'host' || key === 'cookie')) return false;
  part[key] = test;
  return true;
}

function testOf(operator: string, value: unknown): unknown {
  const isScalar = typeof value === 'string' || typeof value === 'number';
  switch (operator.toLowerCase()) {
    case '==':
      return isScalar ? String(value) : null;
    case '~~':
      return typeof value === 'string' ? patternOf(anywhere(value)) : null;
    case 'in':
      return Array.isArray(value) && value.length > 0
        ? patternOf(value.map((each) => literal(String(each))).join('|'))
        : null;
    default:
      return null;
  }
}

/** Null where it is none that is understood. */
export function patternOf(pattern: string): Piece | null {
  try {
    new LinearPattern(pattern);
    return { pattern };
  } catch {
    return null;
  }
}

/** Only what is there. */
export const conditionPieces = ({ headers, query, cookies }: HeadConditions): Piece =>
  Object.fromEntries(
    Object.entries({ headers, query, cookies }).filter(([, each]) => Object.keys(each).length > 0),
  );
