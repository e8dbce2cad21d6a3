import {
  createHmac,
  createPublicKey,
  constants,
  generateKeyPairSync,
  sign,
  type KeyObject,
  type webcrypto,
} from 'node:crypto';

/** Tokens made by hand, so that they can be wrong in every way; nothing of the gateway's own libraries is used. */

export interface SigningKey {
  readonly alg: string;
  readonly kid: string;
  /** Public half, or the secret. */
  readonly jwk: webcrypto.JsonWebKey & { kid: string };
  readonly privateJwk: webcrypto.JsonWebKey;
  sign(signed: string): Buffer;
}

const digestOf = (alg: string) => `sha${alg.slice(-3)}`;

function keyPairOf(alg: string): { privateKey: KeyObject; publicKey: KeyObject } {
  if (/^[RP]S/.test(alg)) return generateKeyPairSync('rsa', { modulusLength: 2048 });
  if (alg.startsWith('ES')) {
    const namedCurve = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[alg]!;
    return generateKeyPairSync('ec', { namedCurve });
  }
  if (alg === 'ML-DSA-44') return generateKeyPairSync('ml-dsa-44');
  return generateKeyPairSync('ed25519');
}

function signatureOf(alg: string, signed: string, key: KeyObject): Buffer {
  const bytes = Buffer.from(signed);
  if (alg.startsWith('RS')) return sign(digestOf(alg), bytes, key);
  if (alg.startsWith('PS'))
    return sign(digestOf(alg), bytes, {
      key,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    });
  if (alg.startsWith('ES')) return sign(digestOf(alg), bytes, { key, dsaEncoding: 'ieee-p1363' });
  return sign(null, bytes, key);
}

export function makeKey(alg: string, kid: string): SigningKey {
  const { privateKey, publicKey } = keyPairOf(alg);
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
  const privateJwk = privateKey.export({ format: 'jwk' });
  return { alg, kid, jwk, privateJwk, sign: (signed) => signatureOf(alg, signed, privateKey) };
}

export const makeSecret = (alg: string, secret: Buffer | string): SigningKey => ({
  alg,
  kid: 'none',
  jwk: { kty: 'oct', kid: 'none', k: Buffer.from(secret).toString('base64url') },
  privateJwk: { kty: 'oct' },
  sign: (signed) => createHmac(digestOf(alg), secret).update(signed).digest(),
});

export const pemOf = ({ jwk }: SigningKey): string =>
  createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString();

export const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A text is put in as it is. */
export function makeToken(key: SigningKey, claims: unknown, header: unknown = {}): string {
  const head = typeof header === 'string' ? header : { alg: key.alg, kid: key.kid, ...(header as object) };
  const signed = `${encode(head)}.${encode(claims)}`;
  return `${signed}.${key.sign(signed).toString('base64url')}`;
}
