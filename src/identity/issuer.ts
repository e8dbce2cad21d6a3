import type { JsonObject } from '#core/call.ts';
import type { Consumer } from '#core/consumer.ts';
import type { PolicyServices } from '#core/contracts/policy.ts';
import { parseDuration } from '#core/units.ts';
import { invalidToken } from './challenge.ts';
import { checkClaims, type ClaimRules } from './check-claims.ts';
import { flatClaims } from './claims.ts';
import type { DecodedToken } from './decode-token.ts';
import { createIssuerKeys, type IssuerKeys } from './issuer-keys.ts';
import type { KeySet } from './key-set.ts';
import { createMapBearer, type MapBearer } from './map-bearer.ts';
import type { ClaimSettings, IssuerSettings } from './schema-issuer.ts';
import { candidatesFor, verifySignature } from './verify-signature.ts';

/** Whoever a token, or what its issuer says of it, has proved to call. */
export interface Bearer {
  readonly consumer: Consumer;
  /** See Exchange.claims. */
  readonly claims: Readonly<Record<string, string>>;
}

export interface VerifiedToken {
  readonly bearer: Bearer;
  readonly claims: JsonObject;
  readonly untilMs: number;
  /** It was verified with one of these. */
  readonly keys: KeySet;
}

const usualTypes = ['jwt', 'at+jwt'];
const maxSkewMs = 600_000;

/** Somebody whose tokens are believed. */
export class Issuer {
  readonly name: string;
  readonly keys: IssuerKeys;
  readonly #rules: ClaimRules;
  /** Null: those of usual tokens, or none. */
  readonly #types: readonly string[] | null;
  readonly #mapBearer: MapBearer;

  /** @throws Error for settings that cannot be. */
  constructor(settings: IssuerSettings, services: PolicyServices) {
    this.name = settings.issuer;
    this.keys = createIssuerKeys(settings, services);
    this.#rules = claimRules(settings.issuer, settings);
    this.#types = settings.types?.map(typeName) ?? null;
    this.#mapBearer = createMapBearer(settings, settings.issuer, services);
  }

  /** @throws Fault */
  async verify(token: string, decoded: DecodedToken, nowMs: number): Promise<VerifiedToken> {
    this.#checkHeader(decoded.header);
    let keys = this.keys.current ?? (await this.keys.get());
    let candidates = candidatesFor(decoded, keys);
    if (candidates.length === 0 && isNewKey(decoded.header, keys)) {
      keys = await this.keys.newer();
      candidates = candidatesFor(decoded, keys);
    }
    if (candidates.length === 0)
      throw invalidToken('No key of the issuer is the one that the token is signed with.');
    await verifySignature(token, candidates);
    const { claims } = decoded;
    const { untilMs } = checkClaims(claims, this.#rules, nowMs);
    const bearer = { consumer: this.#mapBearer(claims), claims: flatClaims(claims) };
    return { bearer, claims, untilMs, keys };
  }

  #checkHeader({ typ, crit, kid }: JsonObject): void {
    if (kid !== undefined && typeof kid !== 'string')
      throw invalidToken("The name of the token's key (kid) is not a text.");
    // RFC 7515 §4.1.11: what is critical must be understood, and nothing is here.
    if (crit !== undefined) throw invalidToken('The token has a critical extension (crit).');
    const type = typ === undefined ? null : typeof typ === 'string' ? typeName(typ) : '';
    const fits = this.#types
      ? type !== null && this.#types.includes(type)
      : type === null || usualTypes.includes(type);
    if (!fits) throw invalidToken('The token is of another type (typ) than is taken here.');
  }
}

const isNewKey = ({ kid }: JsonObject, { keys }: KeySet): boolean =>
  typeof kid === 'string' && !keys.some((key) => key.kid === kid);

/** RFC 7515 §4.1.9: `application/` may be left out, and case says nothing. */
const typeName = (type: string): string => type.toLowerCase().replace(/^application\//, '');

/** @throws Error */
export function claimRules(issuer: string, settings: ClaimSettings): ClaimRules {
  const skewMs = parseDuration(settings.clockSkew ?? '30s');
  if (skewMs > maxSkewMs) throw new Error('clockSkew is 10min at most');
  return {
    issuer,
    audience: settings.audience === false ? null : [settings.audience].flat(),
    parties: settings.authorizedParties ?? null,
    required: Object.entries(settings.requiredClaims ?? {}).map(([name, values]) => ({
      name,
      values: values === '*' ? [] : [values].flat().map(String),
    })),
    scopes: settings.scopes ?? [],
    skewMs,
  };
}
