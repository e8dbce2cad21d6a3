import { hash } from 'node:crypto';
import type { PolicyServices } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { headerOf, type RequestHead } from '#core/head.ts';
import { parseDuration } from '#core/units.ts';
import { noToken } from '#identity/challenge.ts';
import { flatClaims } from '#identity/claims.ts';
import { withoutCookies } from '#identity/cookies.ts';
import type { Bearer } from '#identity/issuer.ts';
import { createMapBearer, type MapBearer } from '#identity/map-bearer.ts';
import { baseOf, beginLogin, endLogin, navigates, redirect, type LoginParts } from './login.ts';
import type { Grant, OpenIdProvider } from './provider.ts';
import { renewSession } from './renew-session.ts';
import type { OidcSettings } from './schema.ts';
import { Seal } from './seal.ts';
import {
  aboutUser,
  isSessionCookie,
  joinSession,
  maxPieces,
  setCookie,
  splitSession,
  type Session,
} from './session.ts';

interface Known {
  readonly session: Session;
  readonly bearer: Bearer;
}

const mostKnown = 10_000;
/** A session is renewed so long before its access token ends. */
const earlyMs = 10_000;

/** Logins, sessions and logouts of browsers. Sessions live in their cookies; what is kept here only spares decrypting them. */
export class Browsers {
  readonly #provider: OpenIdProvider;
  readonly #services: PolicyServices;
  readonly #mapBearer: MapBearer;
  readonly #seal: Seal;
  readonly #login: LoginParts;
  readonly #logout: string;
  readonly #afterLogout: string;
  readonly #lifetimeMs: number;
  readonly #known = new Map<string, Known>();

  /** @throws Error for settings that cannot be. */
  constructor(settings: OidcSettings, provider: OpenIdProvider, services: PolicyServices) {
    const { issuer, clientId, cookie = 'sluice_session', callback = '/oidc/callback' } = settings;
    this.#provider = provider;
    this.#services = services;
    this.#mapBearer = createMapBearer(settings, issuer, services);
    const secrets = [settings.secret].flat();
    const purpose = JSON.stringify([issuer, clientId, cookie]);
    this.#seal = new Seal(secrets, `oidc session ${purpose}`);
    this.#logout = settings.logout ?? '/oidc/logout';
    this.#afterLogout = settings.afterLogout ?? '/';
    this.#lifetimeMs = parseDuration(settings.lifetime ?? '8h');
    if (this.#lifetimeMs < 60_000 || this.#lifetimeMs > 30 * 86_400_000)
      throw new Error('lifetime is from 1min to 30d');
    if (this.#logout === callback) throw new Error('"callback" and "logout" are one path');
    this.#login = {
      provider,
      seal: new Seal(secrets, `oidc login ${purpose}`),
      clock: services.clock,
      cookie,
      callback,
      url: settings.url ?? null,
    };
  }

  /** Does the policy answer it by itself? */
  isOwnPath({ path }: RequestHead): boolean {
    return path === this.#login.callback || path === this.#logout;
  }

  isOurs(head: RequestHead): boolean {
    return this.isOwnPath(head) || joinSession(head, this.#login.cookie) !== null;
  }

  answer(exchange: Exchange): Promise<void> {
    return exchange.head.path === this.#logout ? this.#endSession(exchange) : this.#beginSession(exchange);
  }

  /**
   * Whoever has a session passes; a page that is opened without one leads to the provider.
   * @throws Fault `auth/no-credential`, also as a rejection.
   */
  admit(exchange: Exchange, accept: (bearer: Bearer) => void): void | Promise<void> {
    const sealed = joinSession(exchange.head, this.#login.cookie);
    if (sealed === null) return this.#refuse(exchange);
    const known = this.#known.get(hash('sha256', sealed));
    if (known && this.#isFresh(known.session)) return accept(known.bearer);
    return this.#admitLater(exchange, sealed, accept);
  }

  /** Nothing of a session goes on. */
  consume(exchange: Exchange): void {
    const { cookie } = this.#login;
    withoutCookies(exchange, (name) => isSessionCookie(name, cookie) || name.startsWith(`${cookie}_login_`));
  }

  async #admitLater(exchange: Exchange, sealed: string, accept: (bearer: Bearer) => void): Promise<void> {
    const opened = sealed === '' ? null : await this.#seal.open<Session>(sealed);
    if (opened === null || this.#services.clock.nowMs() >= opened.endsAtMs) return this.#refuse(exchange);
    if (this.#isFresh(opened)) return accept(this.#remember(sealed, opened));
    const { project } = this.#mapBearer(opened.claims);
    const old = { ...opened, refreshToken: opened.refreshToken! };
    const parts = { provider: this.#provider, cache: this.#services.cache, clock: this.#services.clock };
    const renewed = await renewSession(old, { project, id: exchange.id }, parts);
    if (renewed === null) return this.#refuse(exchange);
    const { cookies, sealed: anew } = await this.#cookiesOf(exchange.head, renewed);
    const bearer = this.#remember(anew, renewed);
    for (const line of cookies) exchange.answerHeaders.push('set-cookie', line);
    accept(bearer);
  }

  #isFresh({ endsAtMs, freshUntilMs, refreshToken }: Session): boolean {
    const nowMs = this.#services.clock.nowMs();
    return (
      nowMs < endsAtMs && (refreshToken === null || freshUntilMs === null || nowMs < freshUntilMs - earlyMs)
    );
  }

  #remember(sealed: string, session: Session): Bearer {
    const bearer = { consumer: this.#mapBearer(session.claims), claims: flatClaims(session.claims) };
    this.#known.set(hash('sha256', sealed), { session, bearer });
    if (this.#known.size > mostKnown) this.#known.delete(this.#known.keys().next().value!);
    return bearer;
  }

  #refuse(exchange: Exchange): Promise<void> {
    if (navigates(exchange.head)) return beginLogin(exchange, this.#login);
    throw noToken(
      'There is no session. Open a page in the browser to log in, or send "Authorization: Bearer TOKEN".',
    );
  }

  async #beginSession(exchange: Exchange): Promise<void> {
    const { grant, back, cookie } = await endLogin(exchange, this.#login);
    const session = this.#sessionOf(grant);
    // Who is nobody here gets no session.
    this.#mapBearer(session.claims);
    const { cookies } = await this.#cookiesOf(exchange.head, session);
    const over = { path: this.#login.callback, secure: this.#isSecure(exchange.head), lifeMs: 0 };
    redirect(exchange, back, [...cookies, setCookie(cookie, '', over)]);
  }

  #sessionOf({ claims, idToken, refreshToken, lifeMs }: Grant): Session {
    const nowMs = this.#services.clock.nowMs();
    const freshUntilMs = lifeMs === null ? null : nowMs + lifeMs;
    return {
      claims: aboutUser(claims),
      endsAtMs: nowMs + this.#lifetimeMs,
      refreshToken,
      freshUntilMs,
      idToken,
    };
  }

  /** @throws Error when the session is longer than browsers keep. */
  async #cookiesOf(head: RequestHead, session: Session): Promise<{ cookies: string[]; sealed: string }> {
    const lifeMs = session.endsAtMs - this.#services.clock.nowMs();
    const scope = { path: '/', secure: this.#isSecure(head), lifeMs };
    // The ID token only spares a question at logout.
    for (const kept of [session, { ...session, idToken: null }]) {
      const sealed = await this.#seal.close(kept);
      const pieces = splitSession(this.#login.cookie, sealed);
      if (pieces) return { sealed, cookies: pieces.map(({ name, value }) => setCookie(name, value, scope)) };
    }
    throw new Error(`the claims of a session do not fit into ${maxPieces} cookies`);
  }

  async #endSession(exchange: Exchange): Promise<void> {
    const { head } = exchange;
    const base = baseOf(this.#login, head);
    // Another site may not end it.
    if (headerOf(head.headers, 'sec-fetch-site') === 'cross-site')
      return redirect(exchange, this.#afterLogout, []);
    const sealed = joinSession(head, this.#login.cookie);
    const session = sealed ? await this.#seal.open<Session>(sealed) : null;
    if (sealed) this.#known.delete(hash('sha256', sealed));
    // The browser's session ends here, whether or not the provider can be reached.
    if (session?.refreshToken) await this.#provider.revoke(session.refreshToken).catch(() => undefined);
    const there = await this.#provider
      .logoutUrl(session?.idToken ?? null, base + this.#afterLogout)
      .catch(() => null);
    const over = { path: '/', secure: this.#isSecure(head), lifeMs: 0 };
    const { cookie } = this.#login;
    const names = [cookie, ...Array.from({ length: maxPieces - 1 }, (_, i) => `${cookie}.${i + 1}`)];
    redirect(
      exchange,
      (session && there) ?? this.#afterLogout,
      names.map((name) => setCookie(name, '', over)),
    );
  }

  #isSecure(head: RequestHead): boolean {
    return baseOf(this.#login, head).startsWith('https:');
  }
}
