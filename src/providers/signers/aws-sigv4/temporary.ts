import { noCredential } from '../no-credential.ts';
import { textOf } from '../json-text.ts';
import type { Found } from './found.ts';

/** `{ AccessKeyId, SecretAccessKey, Token, Expiration }`, as containers and instances are given them. @throws Fault */
export function readTemporary(given: Readonly<Record<string, unknown>>, who: string): Found {
  const accessKeyId = textOf(given, 'AccessKeyId');
  const secretAccessKey = textOf(given, 'SecretAccessKey');
  const sessionToken = textOf(given, 'Token');
  const expiresAtMs = Date.parse(textOf(given, 'Expiration') ?? '');
  if (
    accessKeyId === undefined ||
    secretAccessKey === undefined ||
    sessionToken === undefined ||
    !(expiresAtMs > 0)
  )
    throw noCredential(
      `${who} answered without AccessKeyId, SecretAccessKey, Token and Expiration, all of which were expected.`,
    );
  return { value: { accessKeyId, secretAccessKey, sessionToken }, expiresAtMs };
}
