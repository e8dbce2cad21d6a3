import type { PolicyServices } from '#core/contracts/policy.ts';
import type { RequestHead } from '#core/head.ts';
import { parseDuration } from '#core/units.ts';
import { claimRules, Issuer, type Bearer } from '#identity/issuer.ts';
import { createMapBearer } from '#identity/map-bearer.ts';
import { TokenVerifier } from '#identity/token-verifier.ts';
import { Introspection } from './introspection.ts';
import type { OpenIdProvider } from './provider.ts';
import type { OidcSettings } from './schema.ts';

/** Verifies bearer tokens. Without waiting where one is remembered. @throws Fault, also as a rejection. */
export interface Bearers {
  verify(token: string, head: RequestHead): Bearer | Promise<Bearer>;
}

const maxCacheMs = 600_000;

/** @throws Error for settings that cannot be. */
export function createBearers(
  settings: OidcSettings,
  provider: OpenIdProvider,
  services: PolicyServices,
): Bearers {
  const { issuer, discovery, ca, timeout } = settings;
  const { verify = 'jwt', cache, ...claims } = settings.bearer!;
  const { consumer, project, subject, name, groups, models } = settings;
  const bearer = definedOf({ consumer, project, subject, name, groups, models });
  if (verify === 'jwt') {
    if (cache !== undefined) throw new Error('bearer.cache belongs to introspection');
    const place = definedOf({ discovery, ca, timeout });
    return new TokenVerifier(
      [new Issuer({ issuer, ...place, ...claims, ...bearer }, services)],
      services.clock,
    );
  }
  const cacheMs = parseDuration(cache ?? '30s');
  if (cacheMs > maxCacheMs) throw new Error('bearer.cache is 10min at most');
  return new Introspection({
    provider,
    rules: claimRules(issuer, claims),
    mapBearer: createMapBearer(bearer, issuer, services),
    cacheMs,
    clock: services.clock,
  });
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

const definedOf = <T extends object>(of: T): Defined<T> =>
  Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)) as Defined<T>;
