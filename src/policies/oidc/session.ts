import type { JsonObject } from '#core/call.ts';
import type { RequestHead } from '#core/head.ts';
import { cookiesOf } from '#identity/cookies.ts';

/** Of one browser; it lives in its cookies. */
export interface Session {
  /** What the provider says of the user. */
  readonly claims: JsonObject;
  /** Milliseconds since the epoch: it is over then, whatever was refreshed. */
  readonly endsAtMs: number;
  /** Null: the provider gave none, and is not asked again. */
  readonly refreshToken: string | null;
  /** Until then the provider need not be asked again; null: it said nothing. */
  readonly freshUntilMs: number | null;
  /** For the provider's logout; null: it was too long to be kept. */
  readonly idToken: string | null;
}

/** Of one token: they say nothing about the user, and fill the cookie. */
const ofOneToken = ['nonce', 'at_hash', 'c_hash', 's_hash', 'aud', 'azp', 'exp', 'iat', 'nbf', 'jti'];

export const aboutUser = (claims: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(claims).filter(([name]) => !ofOneToken.includes(name)));

/** RFC 6265 §6.1: browsers keep 4096 bytes of a cookie, its name and attributes included. */
const pieceBytes = 3800;
/** More would fill a usual bound on heads (32 KiB), with which every request of the browser would be refused. */
export const maxPieces = 5;

/** `COOKIE=3~first`, `COOKIE.1=second` …; null: it is too long. */
export function splitSession(cookie: string, sealed: string): { name: string; value: string }[] | null {
  const count = Math.ceil(sealed.length / pieceBytes);
  if (count > maxPieces) return null;
  return Array.from({ length: count }, (_, i) => {
    const piece = sealed.slice(i * pieceBytes, (i + 1) * pieceBytes);
    return i === 0 ? { name: cookie, value: `${count}~${piece}` } : { name: `${cookie}.${i}`, value: piece };
  });
}

/** The sealed session that the browser has sent; empty where its pieces do not fit; null: none. */
export function joinSession(head: RequestHead, cookie: string): string | null {
  const first = cookiesOf(head, cookie);
  if (first.length === 0) return null;
  const [, count, begin] = /^([1-5])~(.*)$/.exec(first[0]!.value) ?? [];
  if (first.length > 1 || begin === undefined) return '';
  let sealed = begin;
  for (let i = 1; i < Number(count); i++) {
    const pieces = cookiesOf(head, `${cookie}.${i}`);
    if (pieces.length !== 1) return '';
    sealed += pieces[0]!.value;
  }
  return sealed;
}

export const isSessionCookie = (name: string, cookie: string): boolean =>
  name === cookie || (name.startsWith(`${cookie}.`) && /^[1-4]$/.test(name.slice(cookie.length + 1)));

export interface CookieScope {
  readonly path: string;
  readonly secure: boolean;
  /** 0 takes it away. */
  readonly lifeMs: number;
}

/** A line of Set-Cookie: out of reach of scripts, and not sent by what other sites load. */
export const setCookie = (name: string, value: string, { path, secure, lifeMs }: CookieScope): string =>
  `${name}=${value}; Path=${path}; Max-Age=${Math.ceil(lifeMs / 1000)}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
