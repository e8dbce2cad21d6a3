import type { DecodedToken } from './decode-token.ts';
import { invalidToken } from './challenge.ts';
import type { KeySet, VerificationKey } from './key-set.ts';

/** A token that names no key is held against so many at most. */
const maxTries = 8;
const utf8 = new TextEncoder();

/** Keys that a token may have been signed with; where several have its kid, or it names none, all of these. */
export function candidatesFor({ header }: DecodedToken, { keys }: KeySet): VerificationKey[] {
  const { alg, kid } = header;
  if (typeof alg !== 'string') return [];
  const suited = keys.filter(({ algorithms }) => algorithms.includes(alg));
  if (typeof kid !== 'string') return suited.slice(0, maxTries);
  const named = suited.filter((key) => key.kid === kid);
  return (named.length > 0 ? named : suited.filter((key) => key.kid === null)).slice(0, maxTries);
}

/**
 * Only the keys given count: what a token says of keys (`jwk`, `jku`, `x5u`, `x5c`) is not read, and what it says of its algorithm
 * chooses among those that a key is for.
 * @throws Fault `auth/invalid-token`.
 */
export async function verifySignature(token: string, candidates: readonly VerificationKey[]): Promise<void> {
  const bytes = utf8.encode(token);
  // Loaded with the first token: a thread that gets none starts without it.
  const { compactVerify } = await import('jose');
  for (const { key, algorithms } of candidates) {
    try {
      await compactVerify(bytes, key, { algorithms: [...algorithms] });
      return;
    } catch {
      // Another one may be it.
    }
  }
  throw invalidToken('The signature of the token does not hold.');
}
