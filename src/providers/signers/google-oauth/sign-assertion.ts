import { createSign } from 'node:crypto';
import { noCredential } from '../no-credential.ts';
import type { ServiceAccount } from './parse-credential.ts';

const scope = 'https://www.googleapis.com/auth/cloud-platform';
const lifeS = 3600;

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/**
 * What a service account shows for an access token: a JWT (RFC 7523), signed with RS256.
 * https://developers.google.com/identity/protocols/oauth2/service-account#httprest
 * @throws Fault when its key is none.
 */
export function signAssertion(account: ServiceAccount, nowMs: number): string {
  const issuedS = Math.floor(nowMs / 1000);
  const header = { alg: 'RS256', typ: 'JWT', ...(account.keyId !== undefined && { kid: account.keyId }) };
  const claims = {
    iss: account.email,
    scope,
    aud: account.tokenUrl,
    iat: issuedS,
    exp: issuedS + lifeS,
  };
  const signed = `${encode(header)}.${encode(claims)}`;
  try {
    const signature = createSign('RSA-SHA256').update(signed).sign(account.privateKey, 'base64url');
    return `${signed}.${signature}`;
  } catch (error) {
    throw noCredential(`The private key of ${account.email} is no RSA key in PEM.`, error);
  }
}
