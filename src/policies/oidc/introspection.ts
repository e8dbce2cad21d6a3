import { hash } from 'node:crypto';
import type { JsonObject } from '#core/call.ts';
import type { Clock } from '#core/contracts/clock.ts';
import type { RequestHead } from '#core/head.ts';
import { invalidToken, unavailable } from '#identity/challenge.ts';
import { checkBinding, checkClaims, type ClaimRules } from '#identity/check-claims.ts';
import { flatClaims } from '#identity/claims.ts';
import type { Bearer } from '#identity/issuer.ts';
import type { MapBearer } from '#identity/map-bearer.ts';
import type { OpenIdProvider } from './provider.ts';

export interface IntrospectionParts {
  readonly provider: OpenIdProvider;
  readonly rules: ClaimRules;
  readonly mapBearer: MapBearer;
  /** For so long an answer holds: so long a token that was revoked is still taken. */
  readonly cacheMs: number;
  readonly clock: Clock;
}

interface Active {
  readonly bearer: Bearer;
  readonly claims: JsonObject;
  readonly untilMs: number;
}

const mostKept = 10_000;
/** Questions under way in one thread: tokens that strangers invent are not to drown the provider. */
const mostAsked = 100;

/** Asks the provider about each token (RFC 7662), and remembers good answers for a while. */
export class Introspection {
  readonly #parts: IntrospectionParts;
  readonly #kept = new Map<string, Active>();
  readonly #asked = new Map<string, Promise<Active>>();

  constructor(parts: IntrospectionParts) {
    this.#parts = parts;
  }

  /** @throws Fault, also as a rejection. */
  verify(token: string, head: RequestHead): Bearer | Promise<Bearer> {
    const id = hash('sha256', token);
    const known = this.#kept.get(id);
    if (known && this.#parts.clock.nowMs() < known.untilMs) {
      checkBinding(known.claims, head);
      return known.bearer;
    }
    this.#kept.delete(id);
    return this.#ask(token, id).then(({ bearer, claims }) => {
      checkBinding(claims, head);
      return bearer;
    });
  }

  #ask(token: string, id: string): Promise<Active> {
    const underWay = this.#asked.get(id);
    if (underWay) return underWay;
    if (this.#asked.size >= mostAsked)
      throw unavailable('Too many tokens are being asked about at the moment.');
    const asked = this.#askOnce(token)
      .then((active) => {
        this.#kept.set(id, active);
        if (this.#kept.size > mostKept) this.#kept.delete(this.#kept.keys().next().value!);
        return active;
      })
      .finally(() => this.#asked.delete(id));
    this.#asked.set(id, asked);
    return asked;
  }

  async #askOnce(token: string): Promise<Active> {
    const { provider, rules, mapBearer, cacheMs, clock } = this.#parts;
    const answer = await provider.introspect(token).catch((thrown: Error) => {
      throw unavailable(`Whether the token is good cannot be found out. ${thrown.message}`, thrown);
    });
    if (answer['active'] !== true) throw invalidToken('The token is not active.');
    const nowMs = clock.nowMs();
    // What it leaves out (RFC 7662 §2.2) it vouches for by having answered.
    const claims = { iss: rules.issuer, exp: (nowMs + cacheMs + 1000) / 1000, ...answer };
    const { untilMs } = checkClaims(claims, rules, nowMs);
    return {
      bearer: { consumer: mapBearer(claims), claims: flatClaims(claims) },
      claims,
      untilMs: Math.min(untilMs, nowMs + cacheMs),
    };
  }
}
