import type { JsonObject } from '#core/call.ts';
import type { RequestHead } from '#core/head.ts';
import { expiredToken, insufficientScope, invalidToken } from './challenge.ts';
import { claimAt, textsOf, wordsOf } from './claims.ts';

/** What a token must say for itself. */
export interface ClaimRules {
  readonly issuer: string;
  /** It must be for one of these; null: for whomever. */
  readonly audience: readonly string[] | null;
  /** Whom it may have been given to (`azp`, `client_id`); null: anybody. */
  readonly parties: readonly string[] | null;
  /** Claims that must be there; with one of these values, or with any where there are none. */
  readonly required: readonly { readonly name: string; readonly values: readonly string[] }[];
  /** All of these must be in its scope. */
  readonly scopes: readonly string[];
  /** How far the issuer's clock may be from ours. */
  readonly skewMs: number;
}

export interface CheckedClaims {
  /** Milliseconds since the epoch from which on it is over. */
  readonly untilMs: number;
}

/**
 * RFC 7519 §4.1 and RFC 9068 §4; the signature holds already. Times are numbers, with fractions if need be; the end must be said.
 * @throws Fault
 */
export function checkClaims(claims: JsonObject, rules: ClaimRules, nowMs: number): CheckedClaims {
  if (claims['iss'] !== rules.issuer) throw invalidToken('The token is of another issuer.');
  const { audience, parties, required, skewMs } = rules;
  if (audience !== null && !audienceOf(claims).some((each) => audience.includes(each)))
    throw invalidToken('The token is for another audience.');
  if (parties !== null && !partiesOf(claims, parties))
    throw invalidToken('The token was given to another party.');
  for (const name of ['sub', 'jti', 'azp', 'client_id'])
    if (claims[name] !== undefined && typeof claims[name] !== 'string')
      throw invalidToken(`The token's ${name} is not a text.`);
  const untilMs = timeOf(claims, 'exp');
  if (untilMs === null) throw invalidToken('The token does not say when it ends (exp).');
  if (nowMs >= untilMs + skewMs) throw expiredToken();
  const fromMs = timeOf(claims, 'nbf');
  if (fromMs !== null && nowMs < fromMs - skewMs) throw invalidToken('The token is not valid yet.');
  const madeMs = timeOf(claims, 'iat');
  if (madeMs !== null && nowMs < madeMs - skewMs) throw invalidToken('The token was issued in the future.');
  for (const { name, values } of required) {
    const texts = textsOf(claimAt(claims, name));
    if (texts.length === 0) throw invalidToken(`The token lacks the claim "${name}".`);
    if (values.length > 0 && !texts.some((text) => values.includes(text)))
      throw invalidToken(`The token's claim "${name}" has another value than is asked for.`);
  }
  const scope = new Set([...wordsOf(claims['scope']), ...wordsOf(claims['scp'])]);
  if (!rules.scopes.every((each) => scope.has(each))) throw insufficientScope(rules.scopes);
  return { untilMs: untilMs + skewMs };
}

/** A text or a list of texts; of anything else there is none. */
function audienceOf({ aud }: JsonObject): string[] {
  if (typeof aud === 'string') return [aud];
  return Array.isArray(aud) && aud.every((each) => typeof each === 'string') ? aud : [];
}

/** OpenID Connect Core §2 (`azp`), RFC 9068 §2.2 (`client_id`): all that it says must be among them. */
function partiesOf({ azp, client_id: client }: JsonObject, parties: readonly string[]): boolean {
  const said = [azp, client].filter((each) => each !== undefined);
  return said.length > 0 && said.every((each) => typeof each === 'string' && parties.includes(each));
}

/** Beyond this a date is none (ECMA-262 §21.4.1.1). */
const lastS = 8.64e12;

function timeOf(claims: JsonObject, name: string): number | null {
  const value = claims[name];
  if (value === undefined) return null;
  if (typeof value !== 'number' || !(value >= 0 && value <= lastS))
    throw invalidToken(`The token's ${name} is not a time in seconds.`);
  return value * 1000;
}

/**
 * A token that is bound to a key is no bearer token: it is good only with the certificate that it names (RFC 8705 §3), and not at
 * all where it names another kind of key (RFC 9449).
 * @throws Fault
 */
export function checkBinding(claims: JsonObject, { clientCertificate }: RequestHead): void {
  const { cnf } = claims;
  if (cnf === undefined) return;
  const thumbprint = typeof cnf === 'object' && cnf !== null ? (cnf as JsonObject)['x5t#S256'] : undefined;
  const shown =
    clientCertificate && Buffer.from(clientCertificate.fingerprint256, 'hex').toString('base64url');
  if (
    typeof thumbprint !== 'string' ||
    shown === null ||
    shown !== thumbprint ||
    Object.keys(cnf as object).length > 1
  )
    throw invalidToken('The token is bound to a key that the caller has not proved to have.');
}
