import type { JsonObject } from '#core/call.ts';
import { scanFields } from '#core/json.ts';
import { parseJson } from '#core/parse-json.ts';
import { invalidToken } from './challenge.ts';

/** A signed token in its compact form (RFC 7515 §7.1), taken apart and not yet believed. */
export interface DecodedToken {
  readonly header: JsonObject;
  readonly claims: JsonObject;
}

/** Larger ones are no tokens that a client sends with each request. */
export const maxTokenBytes = 16 * 1024;
const compact = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Is it one by its looks? Whether it is good, verifying says. */
export const looksSigned = (token: string): boolean => token.startsWith('ey') && compact.test(token);

/**
 * Each token has one spelling, and each name in it one value: two readers of it cannot disagree.
 * @throws Fault `auth/invalid-token`.
 */
export function decodeToken(token: string): DecodedToken {
  if (token.length > maxTokenBytes) throw invalidToken(`The token is larger than ${maxTokenBytes} bytes.`);
  if (!compact.test(token))
    throw invalidToken('A signed JSON Web Token of three parts was expected, and something else came.');
  const [header, claims, signature] = token.split('.') as [string, string, string];
  bytesOf(signature);
  return { header: objectOf(header, 'header'), claims: objectOf(claims, 'payload') };
}

function bytesOf(part: string): Buffer {
  const bytes = Buffer.from(part, 'base64url');
  // Bits that decode to nothing would give one token many spellings.
  if (bytes.toString('base64url') !== part) throw invalidToken('The token is not valid base64url.');
  return bytes;
}

function objectOf(part: string, what: string): JsonObject {
  const bytes = bytesOf(part);
  let parsed: unknown;
  try {
    parsed = parseJson(utf8.decode(bytes));
  } catch {
    throw invalidToken(`The token's ${what} is not valid JSON.`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw invalidToken(`The token's ${what} is not a JSON object.`);
  const names = scanFields(bytes.toString('latin1')).map(({ key }) => key);
  if (new Set(names).size !== names.length) throw invalidToken(`The token's ${what} has a name twice.`);
  return parsed as JsonObject;
}
