import { hash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AccessControl } from '#core/contracts/access-control.ts';
import { networkOf } from '#core/counted-subject.ts';
import type { Principal } from '#core/principal.ts';
import { sendProblem } from './problem.ts';
import { csrfHeader, csrfTokenOf, sessionOf } from './session-cookie.ts';
import { Throttle } from './throttle.ts';

/** Credentials that were right lately. */
const mostKnown = 1_000;
const knownMs = 3_600_000;

/**
 * Finds out who asks, and holds whoever guesses, or asks too much. An address that has guessed too often is not heard
 * any more for a while, right or wrong, but for credentials that were right before: so that who shares it with a guesser
 * goes on working.
 */
export class Authenticator {
  readonly #access: AccessControl;
  readonly #requests: Throttle;
  readonly #failures: Throttle;
  readonly #known = new Map<string, number>();

  constructor(access: AccessControl) {
    this.#access = access;
    this.#requests = new Throttle(() => access.settings().limits.requests);
    this.#failures = new Throttle(() => access.settings().limits.failures);
  }

  /** Null: it is answered. */
  async identify(request: FastifyRequest, reply: FastifyReply): Promise<Principal | null> {
    const { authorization, cookie } = request.headers;
    const session = authorization === undefined ? sessionOf(cookie) : null;
    const secret = session ?? bearerOf(authorization);
    if (secret === '' && authorization === undefined) {
      if (this.holds(request, reply)) return null;
      refuse(reply, 'An admin token is needed: "Authorization: Bearer <token>".');
      return null;
    }
    const principal = await this.attempt({ request, reply, secret }, () =>
      this.#access.admit(secret, session === null ? 'token' : 'session'),
    );
    if (principal === 'held') return null;
    if (principal === null) {
      refuse(reply, 'This token is not known, or not in force any more.');
      return null;
    }
    const waitS = this.#requests.take(principal.token ?? principal.id, Date.now());
    if (waitS > 0) {
      hold(reply, waitS, 'Too many requests.');
      return null;
    }
    if (session !== null && !isSafe(request.method) && request.headers[csrfHeader] !== csrfTokenOf(session)) {
      void sendProblem(
        reply,
        403,
        `What a session of a browser changes is asked for with the header "${csrfHeader}", as GET /v1/session tells it.`,
      );
      return null;
    }
    return principal;
  }

  /** Tries a credential, unless there were too many wrong ones (`held`: it is answered). Null: it is wrong. */
  async attempt<T>(
    { request, reply, secret }: { request: FastifyRequest; reply: FastifyReply; secret: string },
    admit: () => Promise<T | null>,
  ): Promise<T | null | 'held'> {
    const address = networkOf(request.ip);
    const digest = hash('sha256', secret, 'base64url');
    const isKnown = (this.#known.get(digest) ?? 0) > Date.now();
    const waitS = isKnown ? 0 : this.#failures.waitOf(address, Date.now());
    if (waitS > 0) {
      hold(reply, waitS, 'Too many wrong credentials came from this address.');
      return 'held';
    }
    const admitted = secret === '' ? null : await admit();
    if (admitted === null) {
      this.#known.delete(digest);
      this.#failures.take(address, Date.now());
    } else this.#remember(digest);
    return admitted;
  }

  /** True: one that says nothing of who asks is one too many, and answered. */
  holds(request: FastifyRequest, reply: FastifyReply): boolean {
    const waitS = this.#requests.take(networkOf(request.ip), Date.now());
    if (waitS > 0) hold(reply, waitS, 'Too many requests.');
    return waitS > 0;
  }

  #remember(digest: string): void {
    this.#known.delete(digest);
    this.#known.set(digest, Date.now() + knownMs);
    if (this.#known.size > mostKnown) this.#known.delete(this.#known.keys().next().value!);
  }
}

const isSafe = (method: string): boolean => method === 'GET' || method === 'HEAD';

function hold(reply: FastifyReply, waitS: number, why: string): void {
  reply.header('retry-after', String(waitS));
  void sendProblem(reply, 429, `${why} Try again in ${waitS} s.`);
}

function refuse(reply: FastifyReply, why: string): void {
  reply.header('www-authenticate', 'Bearer realm="sluice-admin"');
  void sendProblem(reply, 401, why);
}

/** Empty when there is none; no token is empty. */
export function bearerOf(header: string | undefined): string {
  return /^bearer +([^\s]+) *$/i.exec(header ?? '')?.[1] ?? '';
}
