import type * as openid from 'openid-client';
import { createPrivateKey } from 'node:crypto';
import type { JsonObject } from '#core/call.ts';
import type { PolicyServices } from '#core/contracts/policy.ts';
import { Fault } from '#core/fault.ts';
import { parseDuration } from '#core/units.ts';
import { unavailable } from '#identity/challenge.ts';
import { fetchByAsk } from '#identity/fetch-by-ask.ts';
import { fetchJson, RemoteDocument } from '#identity/remote-document.ts';
import type { OidcSettings } from './schema.ts';

/** What a login, or a renewal, has brought. */
export interface Grant {
  readonly claims: JsonObject;
  readonly idToken: string | null;
  readonly refreshToken: string | null;
  /** Of the access token; null: not said. */
  readonly lifeMs: number | null;
}

/** What a login is held against when the browser comes back. */
export interface LoginChecks {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

type OddAnswer = (message: string, cause: unknown) => Fault;

interface Ready {
  readonly library: typeof openid;
  readonly configuration: openid.Configuration;
}

const rules = { refreshMs: 600_000, staleMs: 86_400_000, coolDownMs: 30_000 };

/** The OpenID provider, asked by the gateway's own client. Everything throws the Fault `auth/unavailable` when it does not answer. */
export class OpenIdProvider {
  readonly #settings: OidcSettings;
  readonly #services: PolicyServices;
  readonly #metadata: RemoteDocument<openid.ServerMetadata>;
  #made: { readonly metadata: openid.ServerMetadata; readonly ready: Promise<Ready> } | null = null;

  /** @throws Error for settings that cannot be. */
  constructor(settings: OidcSettings, services: PolicyServices) {
    this.#settings = settings;
    this.#services = services;
    checkClientAuth(settings);
    const { issuer, ca } = settings;
    const url = settings.discovery ?? `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const source = { url, deadlineMs: this.#deadlineMs, ...(ca === undefined ? {} : { ca }) };
    const fetch = () => fetchJson(services.ask, source);
    const parse = (text: string) => metadataOf(text, issuer);
    this.#metadata = services.keep(
      JSON.stringify(['openid-provider', issuer, source]),
      () => new RemoteDocument({ fetch, parse }, rules, services.clock),
    );
  }

  /** Where the browser is to log in, and what is to be remembered of that. */
  async begin(redirectUri: string): Promise<{ readonly url: string; readonly checks: LoginChecks }> {
    const { library, configuration } = await this.#ready();
    const checks = {
      state: library.randomState(),
      nonce: library.randomNonce(),
      verifier: library.randomPKCECodeVerifier(),
    };
    const { href } = library.buildAuthorizationUrl(configuration, {
      redirect_uri: redirectUri,
      scope: [...new Set(['openid', ...(this.#settings.scopes ?? [])])].join(' '),
      code_challenge: await library.calculatePKCECodeChallenge(checks.verifier),
      code_challenge_method: 'S256',
      state: checks.state,
      nonce: checks.nonce,
    });
    return { url: href, checks };
  }

  /** @throws Fault `auth/login-failed`. */
  finish(came: URL, { state, nonce, verifier }: LoginChecks): Promise<Grant> {
    return this.#ask(loginFailed, async ({ library, configuration }) => {
      const tokens = await library.authorizationCodeGrant(configuration, came, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      });
      return this.#grantOf({ library, configuration }, tokens);
    });
  }

  /** @throws Fault `auth/login-failed` when the provider gives no more. */
  renew(refreshToken: string, before: JsonObject): Promise<Grant> {
    return this.#ask(unavailable, async (ready) => {
      const tokens = await ready.library.refreshTokenGrant(ready.configuration, refreshToken);
      const grant = await this.#grantOf(ready, tokens, before);
      // OpenID Connect Core §12.2: it is the same user's, or nobody's.
      if (grant.claims['sub'] !== before['sub'])
        throw loginFailed('The provider has renewed another session.');
      // RFC 6749 §6: without a new one, the old one goes on.
      return { ...grant, refreshToken: grant.refreshToken ?? refreshToken };
    });
  }

  introspect(token: string): Promise<JsonObject> {
    return this.#ask(unavailable, ({ library, configuration }) =>
      library.tokenIntrospection(configuration, token),
    );
  }

  /** What the session lived on is to be worth nothing. Where the provider has no such place, it ends by itself. */
  async revoke(refreshToken: string): Promise<void> {
    await this.#ask(unavailable, async ({ library, configuration }) => {
      if (configuration.serverMetadata().revocation_endpoint === undefined) return;
      await library.tokenRevocation(configuration, refreshToken);
    });
  }

  /** Where the provider ends its own session; null: nowhere. */
  async logoutUrl(idToken: string | null, backTo: string): Promise<string | null> {
    const { library, configuration } = await this.#ready();
    if (configuration.serverMetadata().end_session_endpoint === undefined) return null;
    return library.buildEndSessionUrl(configuration, {
      post_logout_redirect_uri: backTo,
      ...(idToken === null ? {} : { id_token_hint: idToken }),
    }).href;
  }

  get #deadlineMs(): number {
    return parseDuration(this.#settings.timeout ?? '5s');
  }

  async #grantOf(
    { library, configuration }: Ready,
    tokens: openid.TokenEndpointResponse & openid.TokenEndpointResponseHelpers,
    before: JsonObject | null = null,
  ): Promise<Grant> {
    const own = (tokens.claims() as JsonObject | undefined) ?? before ?? {};
    const { sub } = own;
    const more =
      this.#settings.userinfo && typeof sub === 'string'
        ? await library.fetchUserInfo(configuration, tokens.access_token, sub)
        : {};
    const lifeS = tokens.expiresIn();
    return {
      claims: { ...more, ...own },
      idToken: tokens.id_token ?? null,
      refreshToken: tokens.refresh_token ?? null,
      lifeMs: lifeS === undefined ? null : lifeS * 1000,
    };
  }

  /** @param odd What an answer is that does not fit. */
  async #ask<T>(odd: OddAnswer, question: (ready: Ready) => Promise<T>): Promise<T> {
    const ready = await this.#ready();
    try {
      return await question(ready);
    } catch (thrown) {
      throw faultOf(thrown, ready.library, odd);
    }
  }

  async #ready(): Promise<Ready> {
    const metadata = await this.#metadata.get().catch((cause: Error) => {
      throw unavailable(`The OpenID provider cannot be asked: ${cause.message}.`, cause);
    });
    if (this.#made?.metadata !== metadata) this.#made = { metadata, ready: this.#make(metadata) };
    return this.#made.ready;
  }

  /** Loaded when it is first needed: it is of no use to gateways without this policy. */
  async #make(metadata: openid.ServerMetadata): Promise<Ready> {
    const library = await import('openid-client');
    const { clientId, idTokenAlgorithm, issuer, ca } = this.#settings;
    const configuration = new library.Configuration(
      metadata,
      clientId,
      { id_token_signed_response_alg: idTokenAlgorithm ?? 'RS256' },
      await clientAuth(this.#settings, library),
    );
    const bounds = { deadlineMs: this.#deadlineMs, ...(ca === undefined ? {} : { ca }) };
    configuration[library.customFetch] = fetchByAsk(this.#services.ask, bounds);
    // The operator has written http.
    if (issuer.startsWith('http:')) library.allowInsecureRequests(configuration);
    // ID tokens are verified although they come from the provider itself.
    library.enableNonRepudiationChecks(configuration);
    return { library, configuration };
  }
}

/** OpenID Connect Discovery §4.3: metadata that is another issuer's says nothing. */
function metadataOf(text: string, issuer: string): openid.ServerMetadata {
  const metadata = JSON.parse(text) as openid.ServerMetadata | null;
  if (metadata?.issuer !== issuer) throw new Error('its metadata is that of another issuer');
  return metadata;
}

/** @throws Error */
function checkClientAuth({ clientAuth: how, clientSecret, privateKey }: OidcSettings): void {
  if (clientSecret !== undefined && privateKey !== undefined)
    throw new Error('expected either "clientSecret" or "privateKey", got both');
  if ((how === 'basic' || how === 'post') && clientSecret === undefined)
    throw new Error(`clientAuth ${how} wants "clientSecret"`);
  if (how === 'private_key_jwt' && privateKey === undefined)
    throw new Error('clientAuth private_key_jwt wants "privateKey"');
  if (privateKey !== undefined) createPrivateKey(privateKey);
}

async function clientAuth(settings: OidcSettings, library: typeof openid): Promise<openid.ClientAuth> {
  const { clientAuth: how, clientSecret, privateKey, keyId, keyAlgorithm = 'RS256' } = settings;
  if (privateKey !== undefined && how !== 'none') {
    const { importPKCS8 } = await import('jose');
    const key = await importPKCS8(privateKey, keyAlgorithm);
    return library.PrivateKeyJwt(keyId === undefined ? key : { key, kid: keyId });
  }
  if (clientSecret === undefined || how === 'none') return library.None();
  return how === 'post' ? library.ClientSecretPost(clientSecret) : library.ClientSecretBasic(clientSecret);
}

export const loginFailed = (message: string, cause?: unknown): Fault =>
  new Fault('auth/login-failed', message, cause === undefined ? {} : { cause });

/** What the library makes of things, in our words. The provider's own text is not shown: a stranger may have written it. */
function faultOf(thrown: unknown, library: typeof openid, odd: OddAnswer): Fault {
  for (let cause = thrown; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof Fault)
      return cause.code.startsWith('auth/')
        ? cause
        : unavailable(`The OpenID provider does not answer: ${cause.message}`, thrown);
  }
  if (thrown instanceof library.ResponseBodyError || thrown instanceof library.AuthorizationResponseError)
    return loginFailed(`The OpenID provider refuses${codeOf(thrown.error)}. Begin anew.`, thrown);
  return odd("The OpenID provider's answer is not what was asked for.", thrown);
}

const codeOf = (error: string): string => (/^[a-z_]{1,40}$/.test(error) ? ` (${error})` : '');
