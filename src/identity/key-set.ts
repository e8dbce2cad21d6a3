import type { JWK } from 'jose';
import type { JsonObject } from '#core/call.ts';

/** A key that can verify, and the algorithms that its kind is for: what a token says of these counts for nothing. */
export interface VerificationKey {
  /** Null: any token may be held against it. */
  readonly kid: string | null;
  readonly algorithms: readonly string[];
  readonly key: JWK | Uint8Array;
}

/** Keys of one issuer. Another object when they are others. */
export interface KeySet {
  readonly keys: readonly VerificationKey[];
}

const rsa = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
const curves: Readonly<Record<string, readonly string[]>> = {
  'P-256': ['ES256'],
  'P-384': ['ES384'],
  'P-521': ['ES512'],
  Ed25519: ['EdDSA', 'Ed25519'],
};
const postQuantum = ['ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87'];
const hmac = ['HS256', 'HS384', 'HS512'];
export const signatureAlgorithms = [...rsa, ...Object.values(curves).flat(), ...postQuantum, ...hmac];

/** RFC 7518 §3.3 wants as much. */
const minRsaBytes = 256;
/** Of a set; nobody has more, and each is held against tokens that name none. */
const maxKeys = 100;
/** Members of a private key (RFC 7518 §6): only its public half is kept. */
const publicMembers = ['kty', 'kid', 'alg', 'use', 'key_ops', 'crv', 'x', 'y', 'n', 'e', 'pub'];

/**
 * The keys of a JWK set (RFC 7517) that can verify signatures. Secrets are none: a set that anybody can read proves nothing by them.
 * @param allowed Null: all that suit a key.
 * @throws Error when it is no set, or has no such key.
 */
export function parseKeySet(document: unknown, allowed: readonly string[] | null): KeySet {
  const list = isObject(document) && Array.isArray(document['keys']) ? document['keys'] : null;
  if (list === null) throw new Error('a JWK set was expected: {"keys":[…]}');
  if (list.length > maxKeys) throw new Error(`it has ${list.length} keys, and ${maxKeys} are the most`);
  const keys = list.flatMap((jwk: unknown) => (isObject(jwk) ? (keyOf(jwk, allowed) ?? []) : []));
  if (keys.length === 0) throw new Error('it has no key that can verify a signature');
  return { keys };
}

function keyOf(jwk: JsonObject, allowed: readonly string[] | null): VerificationKey | null {
  const { kid, alg, use, key_ops: operations } = jwk;
  if (use !== undefined && use !== 'sig') return null;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return null;
  const suited = algorithmsOf(jwk).filter(
    (name) => (alg === undefined || alg === name) && (allowed === null || allowed.includes(name)),
  );
  if (suited.length === 0) return null;
  const members = publicMembers.flatMap((name) => (Object.hasOwn(jwk, name) ? [[name, jwk[name]]] : []));
  const key = Object.freeze(Object.fromEntries(members)) as JWK;
  return { kid: typeof kid === 'string' ? kid : null, algorithms: suited, key };
}

function algorithmsOf({ kty, crv, n, alg }: JsonObject): readonly string[] {
  if (kty === 'RSA')
    return typeof n === 'string' && Buffer.from(n, 'base64url').length >= minRsaBytes ? rsa : [];
  if ((kty === 'EC' || kty === 'OKP') && typeof crv === 'string')
    return Object.hasOwn(curves, crv) && (kty === 'OKP') === (crv === 'Ed25519') ? curves[crv]! : [];
  return kty === 'AKP' && typeof alg === 'string' && postQuantum.includes(alg) ? [alg] : [];
}

/**
 * A secret that issuer and gateway share. RFC 7518 §3.2: as long as the hash at least.
 * @throws Error when it is shorter.
 */
export function secretKeySet(secret: Uint8Array, allowed: readonly string[] | null): KeySet {
  const algorithms = (allowed ?? ['HS256']).filter((name) => hmac.includes(name));
  if (algorithms.length === 0) throw new Error('a secret verifies HS256, HS384 and HS512 alone');
  const bytes = Math.max(...algorithms.map((name) => Number(name.slice(2)) / 8));
  if (secret.length < bytes)
    throw new Error(
      `the secret has ${secret.length} bytes; ${algorithms.join(', ')} wants ${bytes} at least`,
    );
  return { keys: [{ kid: null, algorithms, key: secret }] };
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
