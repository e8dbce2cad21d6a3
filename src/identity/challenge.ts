import { Fault, type FaultCode } from '#core/fault.ts';

/** RFC 6750 §3.1; absent: no token was given. */
export type BearerError = 'invalid_request' | 'invalid_token' | 'insufficient_scope';

const realm = 'Bearer realm="sluice"';

/**
 * What `WWW-Authenticate` says of a refused bearer token (RFC 6750 §3). `description` is ours or the configuration's: nothing of a
 * token is ever put into it.
 */
export function bearerChallenge(error: BearerError, description: string, scope?: string): string {
  // RFC 6750 §3: %x20-21 / %x23-5B / %x5D-7E.
  const said = description.replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, "'");
  return `${realm}, error="${error}", error_description="${said}"${scope === undefined ? '' : `, scope="${scope}"`}`;
}

export const noToken = (message: string): Fault =>
  new Fault('auth/no-credential', message, { headers: ['www-authenticate', realm] });

export const invalidToken = (message: string, code: FaultCode = 'auth/invalid-token'): Fault =>
  new Fault(code, message, { headers: ['www-authenticate', bearerChallenge('invalid_token', message)] });

export const expiredToken = (): Fault =>
  invalidToken('The token has expired. Ask for a new one.', 'auth/expired');

export const ambiguousToken = (message: string): Fault =>
  new Fault('auth/invalid-token', message, {
    status: 400,
    headers: ['www-authenticate', bearerChallenge('invalid_request', message)],
  });

export const insufficientScope = (scopes: readonly string[]): Fault => {
  const message = `The token's scope does not cover what is asked for: ${scopes.join(' ')} is needed.`;
  return new Fault('auth/insufficient-scope', message, {
    headers: ['www-authenticate', bearerChallenge('insufficient_scope', message, scopes.join(' '))],
  });
};

/** The token is good, and nobody here stands for its bearer. */
export const unknownBearer = (message: string): Fault => new Fault('auth/unknown-consumer', message);

/** Nobody is let in because it could not be found out who calls. */
export const unavailable = (message: string, cause?: unknown): Fault =>
  new Fault('auth/unavailable', message, {
    headers: ['retry-after', '5'],
    ...(cause === undefined ? {} : { cause }),
  });
