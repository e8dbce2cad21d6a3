import { isDeepStrictEqual } from 'node:util';
import type * as OpenIdClient from 'openid-client';
import type { OidcSettings } from '#core/admin-access.ts';
import type { AccessControl, Person } from '#core/contracts/access-control.ts';
import { ControlError } from '#core/contracts/control-plane.ts';

type Client = typeof OpenIdClient;
type Configuration = OpenIdClient.Configuration;

/** What a browser that was sent to the provider comes back with, once. */
interface Journey {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly redirectUri: string;
  readonly returnTo: string;
  readonly expiresAtMs: number;
}

const journeyMs = 600_000;
/** Who was not heard of longest has to begin anew. */
const mostJourneys = 1_000;
const providerTimeoutS = 15;

/** Signs people in at an OpenID provider: the code flow with PKCE, state and nonce (OpenID Connect Core 1.0 §3.1, RFC 9700). */
export class SignIn {
  readonly #access: AccessControl;
  readonly #journeys = new Map<string, Journey>();
  #known: { readonly of: OidcSettings; readonly found: Promise<[Client, Configuration]> } | null = null;

  constructor(access: AccessControl) {
    this.#access = access;
  }

  /** Where a browser is to go, and the ticket that it must come back with. @throws ControlError 404, 502. */
  async begin({
    origin,
    returnTo,
  }: {
    readonly origin: string;
    readonly returnTo: string;
  }): Promise<{ readonly url: string; readonly ticket: string }> {
    const { settings, client, configuration } = await this.#provider();
    const [state, nonce] = [client.randomState(), client.randomNonce()];
    const verifier = client.randomPKCECodeVerifier();
    const redirectUri = `${settings.publicUrl ?? origin}/v1/session/callback`;
    const ticket = client.randomState();
    const expiresAtMs = Date.now() + journeyMs;
    this.#journeys.set(ticket, { state, nonce, verifier, redirectUri, returnTo, expiresAtMs });
    if (this.#journeys.size > mostJourneys) this.#journeys.delete(this.#journeys.keys().next().value!);
    const url = client.buildAuthorizationUrl(configuration, {
      redirect_uri: redirectUri,
      scope: settings.scopes.join(' '),
      state,
      nonce,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
    return { url: url.href, ticket };
  }

  /** Who came back, and where it wanted to go. @throws ControlError 400, 403, 404, 502. */
  async complete(
    ticket: string | null,
    query: string,
  ): Promise<{ readonly person: Person; readonly journey: Journey }> {
    const journey = ticket === null ? undefined : this.#journeys.get(ticket);
    if (ticket !== null) this.#journeys.delete(ticket);
    if (!journey || journey.expiresAtMs < Date.now())
      throw new ControlError(
        400,
        'This sign-in was not begun here, or has ended: begin again at /v1/session/sign-in.',
      );
    const { client, configuration } = await this.#provider();
    try {
      const tokens = await client.authorizationCodeGrant(
        configuration,
        new URL(`${journey.redirectUri}${query}`),
        {
          expectedState: journey.state,
          expectedNonce: journey.nonce,
          pkceCodeVerifier: journey.verifier,
          idTokenExpected: true,
        },
      );
      const claims = tokens.claims()!;
      // Many a provider tells name and groups there only.
      const more = configuration.serverMetadata().userinfo_endpoint
        ? await client.fetchUserInfo(configuration, tokens.access_token, claims.sub)
        : {};
      return { person: { subject: claims.sub, claims: { ...claims, ...more } }, journey };
    } catch (error) {
      throw refusalOf(error as Error, client);
    }
  }

  /** Where a browser ends its session with the provider, too; null: that offers no such place. */
  async endUrl(): Promise<string | null> {
    if (!this.#access.settings().oidc) return null;
    const { client, configuration } = await this.#provider();
    return configuration.serverMetadata().end_session_endpoint
      ? client.buildEndSessionUrl(configuration).href
      : null;
  }

  async #provider() {
    const settings = this.#access.settings().oidc;
    if (!settings) throw new ControlError(404, 'Nobody signs in here: admin.oidc is not configured.');
    if (!isDeepStrictEqual(this.#known?.of, settings))
      this.#known = { of: settings, found: discover(settings) };
    const known = this.#known!;
    try {
      const [client, configuration] = await known.found;
      return { settings, client, configuration };
    } catch (error) {
      // What could not be reached may be there the next time.
      if (this.#known === known) this.#known = null;
      throw new ControlError(
        502,
        `The OpenID provider ${settings.issuer} cannot be asked: ${reasonOf(error as Error)}`,
      );
    }
  }
}

/** Loaded where somebody signs in. */
async function discover({ issuer, clientId, clientSecret }: OidcSettings): Promise<[Client, Configuration]> {
  const client = await import('openid-client');
  const authentication = clientSecret === null ? client.None() : client.ClientSecretBasic(clientSecret);
  // Plain text was refused by the configuration, but for a provider on this machine.
  const allowed = issuer.startsWith('http:') ? [client.allowInsecureRequests] : [];
  const configuration = await client.discovery(new URL(issuer), clientId, {}, authentication, {
    timeout: providerTimeoutS,
    execute: [...allowed, client.enableNonRepudiationChecks],
  });
  return [client, configuration];
}

/** What the provider says may be told to whom it sends back; what else went wrong is between it and us. */
function refusalOf(error: Error, { AuthorizationResponseError, ResponseBodyError }: Client): ControlError {
  if (error instanceof AuthorizationResponseError)
    return new ControlError(
      403,
      `The provider did not sign you in: ${error.error_description ?? error.error}`,
    );
  if (error instanceof ResponseBodyError)
    return new ControlError(
      403,
      `The provider does not take this sign-in: ${error.error_description ?? error.error}`,
    );
  const code = (error as { code?: unknown }).code;
  const isOfAnswer = typeof code === 'string' && /INVALID|COMPARISON|ATTRIBUTE|VERIF|JWT|CLAIM/.test(code);
  return new ControlError(isOfAnswer ? 403 : 502, `The sign-in failed: ${reasonOf(error)}`);
}

const reasonOf = (error: Error): string => {
  const { cause } = error;
  return cause instanceof Error && cause.message !== ''
    ? `${error.message} (${cause.message})`
    : error.message;
};
