import { hash } from 'node:crypto';
import type { CacheName, CacheStore } from '#core/contracts/cache-store.ts';
import type { Clock } from '#core/contracts/clock.ts';
import { Fault } from '#core/fault.ts';
import { unavailable } from '#identity/challenge.ts';
import type { OpenIdProvider } from './provider.ts';
import { aboutUser, type Session } from './session.ts';

/** So long a renewed session is given to requests that still bring the old one. */
const keptMs = 60_000;
const lookMs = 50;
const waitMs = 10_000;

export interface RenewParts {
  readonly provider: OpenIdProvider;
  readonly cache: CacheStore;
  readonly clock: Clock;
}

/** Whose it is, and who asks. */
export interface RenewFor {
  readonly project: string;
  /** Of the exchange. */
  readonly id: string;
}

/**
 * A refresh token is used once: providers that change it with each use take a second use for theft, and end the session. A page asks
 * for many things at once, over all threads and nodes; one of these requests renews, and the others get what it got.
 * @returns Null: the session is over.
 * @throws Fault `auth/unavailable`.
 */
export async function renewSession(
  session: Session & { readonly refreshToken: string },
  { project, id }: RenewFor,
  parts: RenewParts,
): Promise<Session | null> {
  const { cache, clock } = parts;
  const name: CacheName = {
    project,
    name: `oidc:${hash('sha256', `${session.refreshToken} ${session.freshUntilMs}`)}`,
  };
  const claim = { ...name, holder: id };
  const untilMs = clock.monotonicMs() + waitMs;
  for (;;) {
    const wish = { holder: id, fingerprint: 'session', lifetimeMs: keptMs };
    const found = await reached(cache.claim(name, wish));
    if (found.state === 'kept') {
      const kept = await reached(cache.get(name, found.holder));
      if (kept) return JSON.parse(kept.value.toString('utf8')) as Session | null;
    } else if (found.state === 'claimed') {
      try {
        const renewed = await renewOnce(session, parts);
        const rest = Buffer.from(JSON.stringify(renewed));
        await reached(cache.finish(claim, { about: '', parts: 0, rest }));
        return renewed;
      } catch (thrown) {
        cache.release(claim, 'free').catch(() => undefined);
        throw thrown;
      }
    } else if (found.state !== 'running') return null;
    if (clock.monotonicMs() >= untilMs) throw unavailable('The session is not renewed in time.');
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}

async function renewOnce(
  session: Session & { readonly refreshToken: string },
  { provider, clock }: RenewParts,
): Promise<Session | null> {
  try {
    const { claims, lifeMs, refreshToken, idToken } = await provider.renew(
      session.refreshToken,
      session.claims,
    );
    return {
      claims: aboutUser(claims),
      endsAtMs: session.endsAtMs,
      refreshToken,
      freshUntilMs: lifeMs === null ? null : clock.nowMs() + lifeMs,
      idToken: idToken ?? session.idToken,
    };
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === 'auth/login-failed') return null;
    throw thrown;
  }
}

async function reached<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    throw unavailable('Sessions cannot be renewed at the moment.', cause);
  }
}
