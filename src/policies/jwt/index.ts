import type { Policy, PolicyKind, PolicyServices } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { noToken } from '#identity/challenge.ts';
import { looksSigned } from '#identity/decode-token.ts';
import { Issuer, type Bearer } from '#identity/issuer.ts';
import {
  anyToken,
  consumeToken,
  placesOf,
  presentedToken,
  type TokenPlaces,
} from '#identity/presented-token.ts';
import { TokenVerifier } from '#identity/token-verifier.ts';
import type { JwtSettings } from './schema.ts';

/** Who asks, by a signed token of somebody who is believed (RFC 7519, RFC 9068). */
export const jwt: PolicyKind<JwtSettings> = {
  name: 'jwt',
  create: createJwt,
};

/** @throws Error for settings that cannot be; the configuration is refused then. */
function createJwt(settings: JwtSettings, services: PolicyServices): Policy {
  const { optional = false, forward = false } = settings;
  const places: TokenPlaces = {
    headers: (settings.headers ?? ['authorization']).map((name) => name.toLowerCase()),
    cookie: settings.cookie ?? null,
    query: settings.query ?? null,
  };
  const issuers = settings.issuers.map((each) => issuerOf(each, services));
  const verifier = new TokenVerifier(issuers, services.clock);
  const accept = (exchange: Exchange, { consumer, claims }: Bearer): void => {
    exchange.consumer = consumer;
    exchange.claims = claims;
    if (!forward) consumeToken(exchange, places);
  };
  return {
    name: 'jwt',
    summary:
      `requires a token of ${issuers.map(({ name }) => name).join(' or ')}` +
      (optional ? ', or none at all' : ''),
    presents: ({ head }) => anyToken(head, places, looksSigned),
    credentials: placesOf(places, forward),
    onHead(exchange) {
      const token = presentedToken(exchange.head, places);
      if (token === null) {
        if (optional) return;
        throw noToken('No token was given. Send it as "Authorization: Bearer TOKEN".');
      }
      const bearer = verifier.verify(token, exchange.head);
      if (bearer instanceof Promise) return bearer.then((verified) => accept(exchange, verified));
      accept(exchange, bearer);
    },
  };
}

function issuerOf(settings: JwtSettings['issuers'][number], services: PolicyServices): Issuer {
  try {
    return new Issuer(settings, services);
  } catch (error) {
    throw new Error(`jwt: the issuer ${settings.issuer}: ${(error as Error).message}`, { cause: error });
  }
}
