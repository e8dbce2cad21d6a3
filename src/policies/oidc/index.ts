import type { Policy, PolicyKind, PolicyServices } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import {
  anyToken,
  consumeToken,
  placesOf,
  presentedToken,
  type TokenPlaces,
} from '#identity/presented-token.ts';
import type { Bearer } from '#identity/issuer.ts';
import { createBearers, type Bearers } from './bearers.ts';
import { Browsers } from './browsers.ts';
import { OpenIdProvider } from './provider.ts';
import type { OidcSettings } from './schema.ts';

/** Who asks, by the word of an OpenID provider: browsers log in there, programs bring its tokens (OpenID Connect Core). */
export const oidc: PolicyKind<OidcSettings> = {
  name: 'oidc',
  create(settings, services) {
    try {
      return createOidc(settings, services);
    } catch (error) {
      throw new Error(`oidc: ${(error as Error).message}`, { cause: error });
    }
  },
};

const places: TokenPlaces = { headers: ['authorization'], cookie: null, query: null };

/** @throws Error for settings that cannot be; the configuration is refused then. */
function createOidc(settings: OidcSettings, services: PolicyServices): Policy {
  const provider = new OpenIdProvider(settings, services);
  const browsers = new Browsers(settings, provider, services);
  const bearers: Bearers | null = settings.bearer ? createBearers(settings, provider, services) : null;
  const accept = (exchange: Exchange, { consumer, claims }: Bearer): void => {
    exchange.consumer = consumer;
    exchange.claims = claims;
    consumeToken(exchange, places);
    browsers.consume(exchange);
  };
  return {
    name: 'oidc',
    summary:
      `sends browsers to ${settings.issuer} to log in` +
      (bearers ? ', and takes its tokens of programs' : ''),
    presents: ({ head }) => browsers.isOurs(head) || (bearers !== null && anyToken(head, places, () => true)),
    credentials: bearers ? placesOf(places, false) : { challenge: null, headers: [] },
    onHead(exchange) {
      if (browsers.isOwnPath(exchange.head)) return browsers.answer(exchange);
      const token = bearers && presentedToken(exchange.head, places);
      if (token === null) return browsers.admit(exchange, (bearer) => accept(exchange, bearer));
      const bearer = bearers!.verify(token, exchange.head);
      if (bearer instanceof Promise) return bearer.then((verified) => accept(exchange, verified));
      accept(exchange, bearer);
    },
  };
}
