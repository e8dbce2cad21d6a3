import type { Exchange } from '#core/exchange.ts';
import { headerOf, type RequestHead } from '#core/head.ts';
import { cookiesOf } from '#identity/cookies.ts';
import type { Clock } from '#core/contracts/clock.ts';
import { loginFailed, type Grant, type LoginChecks, type OpenIdProvider } from './provider.ts';
import type { Seal } from './seal.ts';
import { setCookie } from './session.ts';

/** A login under way, as its browser keeps it: nobody else can bring it to its end, and the browser no other one. */
interface Login extends LoginChecks {
  /** Path and query that were asked for. */
  readonly back: string;
  readonly untilMs: number;
}

export interface LoginParts {
  readonly provider: OpenIdProvider;
  readonly seal: Seal;
  readonly clock: Clock;
  readonly cookie: string;
  readonly callback: string;
  /** Null: what the browser asks for. */
  readonly url: string | null;
}

const lifeMs = 600_000;
/** More of a place is not remembered: the browser then ends up at the beginning. */
const maxBack = 2000;

/** Scheme and host as the browser knows them. */
export const baseOf = ({ url }: Pick<LoginParts, 'url'>, head: RequestHead): string =>
  url ?? `${head.scheme}://${head.authority}`;

/** Would a page be shown for it? Only then is there anybody to log in (Fetch Metadata; else what is accepted). */
export function navigates({ method, headers, upgrade }: RequestHead): boolean {
  if ((method !== 'GET' && method !== 'HEAD') || upgrade !== null) return false;
  const mode = headerOf(headers, 'sec-fetch-mode');
  if (mode !== undefined) return mode === 'navigate';
  return /\btext\/html\b/.test(headerOf(headers, 'accept') ?? '');
}

/** Sends the browser to the provider. */
export async function beginLogin(exchange: Exchange, parts: LoginParts): Promise<void> {
  const { provider, seal, clock, callback } = parts;
  const { head } = exchange;
  const base = baseOf(parts, head);
  const { url, checks } = await provider.begin(base + callback);
  const place = head.query === '' ? head.path : `${head.path}?${head.query}`;
  // Two slashes at the beginning would be another host.
  const back = /^\/(?![/\\])/.test(place) && place.length <= maxBack ? place : '/';
  const login: Login = { ...checks, back, untilMs: clock.nowMs() + lifeMs };
  const scope = { path: callback, secure: base.startsWith('https:'), lifeMs };
  redirect(exchange, url, [setCookie(cookieOf(parts, checks.state), await seal.close(login), scope)]);
}

/**
 * The browser comes back. What it brings is held against what it took along: a login that another browser began is none of its.
 * @throws Fault `auth/login-failed`.
 */
export async function endLogin(
  { head }: Exchange,
  parts: LoginParts,
): Promise<{ readonly grant: Grant; readonly back: string; readonly cookie: string }> {
  const { provider, seal, clock, callback } = parts;
  const states = new URLSearchParams(head.query).getAll('state');
  if (head.method !== 'GET' || states.length !== 1)
    throw loginFailed('This is where the OpenID provider sends browsers back to after a login.');
  const cookie = cookieOf(parts, states[0]!);
  const kept = cookiesOf(head, cookie);
  const login = kept.length === 1 ? await seal.open<Login>(kept[0]!.value) : null;
  if (login === null || login.state !== states[0] || clock.nowMs() >= login.untilMs)
    throw loginFailed('This browser has not begun this login, or ten minutes ago. Begin anew.');
  const grant = await provider.finish(new URL(`${baseOf(parts, head)}${callback}?${head.query}`), login);
  return { grant, back: login.back, cookie };
}

/** Each login under way has its own: people open several pages at once. */
const cookieOf = ({ cookie }: LoginParts, state: string): string =>
  `${cookie}_login_${state.replace(/[^A-Za-z0-9_-]/g, '').slice(0, 16)}`;

export function redirect(exchange: Exchange, location: string, cookies: readonly string[]): void {
  exchange.shortAnswer = {
    status: 302,
    headers: [
      'location',
      location,
      'cache-control',
      'no-store',
      ...cookies.flatMap((line) => ['set-cookie', line]),
    ],
    body: null,
  };
}
