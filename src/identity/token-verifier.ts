import { hash } from 'node:crypto';
import type { Clock } from '#core/contracts/clock.ts';
import type { RequestHead } from '#core/head.ts';
import { expiredToken, invalidToken } from './challenge.ts';
import { checkBinding } from './check-claims.ts';
import { decodeToken } from './decode-token.ts';
import type { Bearer, Issuer, VerifiedToken } from './issuer.ts';

/** Verified tokens that are remembered, each with its claims: some 20 MB at most. */
const most = 10_000;

interface Remembered extends VerifiedToken {
  readonly issuer: Issuer;
}

/**
 * Verifies tokens of several issuers. A good one is remembered, by its hash, until it ends or its issuer's keys change; it dies
 * with the configuration.
 */
export class TokenVerifier {
  readonly #issuers: ReadonlyMap<string, Issuer>;
  readonly #clock: Clock;
  readonly #remembered = new Map<string, Remembered>();

  /** @throws Error when two are one. */
  constructor(issuers: readonly Issuer[], clock: Clock) {
    this.#issuers = new Map(issuers.map((issuer) => [issuer.name, issuer]));
    if (this.#issuers.size < issuers.length) throw new Error('an issuer is given twice');
    this.#clock = clock;
  }

  /** Without waiting where the token is remembered. @throws Fault, also as a rejection. */
  verify(token: string, head: RequestHead): Bearer | Promise<Bearer> {
    const id = hash('sha256', token);
    const known = this.#remembered.get(id);
    if (!known) return this.#verifyAnew(token, id, head);
    // Keys that have grown too old are none, also for what they have proved.
    if (known.keys !== known.issuer.keys.current) {
      this.#remembered.delete(id);
      return this.#verifyAnew(token, id, head);
    }
    if (this.#clock.nowMs() >= known.untilMs) {
      this.#remembered.delete(id);
      throw expiredToken();
    }
    checkBinding(known.claims, head);
    return known.bearer;
  }

  async #verifyAnew(token: string, id: string, head: RequestHead): Promise<Bearer> {
    const decoded = decodeToken(token);
    const { iss } = decoded.claims;
    const issuer = typeof iss === 'string' ? this.#issuers.get(iss) : undefined;
    if (!issuer) throw invalidToken('The token is of an issuer that is not believed here.');
    const verified = await issuer.verify(token, decoded, this.#clock.nowMs());
    checkBinding(verified.claims, head);
    this.#remembered.set(id, { ...verified, issuer });
    if (this.#remembered.size > most) this.#remembered.delete(this.#remembered.keys().next().value!);
    return verified.bearer;
  }
}
