import type { CredentialPlaces } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { headerOf, type RequestHead } from '#core/head.ts';
import { queryValues } from '#core/query.ts';
import { ambiguousToken, invalidToken } from './challenge.ts';
import { cookiesOf, withoutCookies } from './cookies.ts';

/** Where a token may come. */
export interface TokenPlaces {
  /** In lower case; `authorization` takes a bearer token, others the token itself, with or without `Bearer`. */
  readonly headers: readonly string[];
  /** Null: none. */
  readonly cookie: string | null;
  readonly query: string | null;
}

/** The one token that came; null: none. @throws Fault when a place holds something else, or two different ones came. */
export function presentedToken(head: RequestHead, places: TokenPlaces): string | null {
  const tokens = new Set<string>();
  for (let i = 0; i < head.headers.length; i += 2) {
    const name = head.headers[i]!;
    if (places.headers.includes(name)) tokens.add(tokenIn(name, head.headers[i + 1]!));
  }
  if (places.cookie !== null) for (const { value } of cookiesOf(head, places.cookie)) tokens.add(value);
  if (places.query !== null) for (const value of queryValues(head.query, places.query)) tokens.add(value);
  if (tokens.size > 1) throw ambiguousToken('Two different tokens were sent. Send one.');
  const [token = null] = tokens;
  if (token === '') throw invalidToken('The token is empty.');
  return token;
}

/** RFC 6750 §2.1; the scheme's name is case-insensitive. @throws Fault */
function tokenIn(name: string, value: string): string {
  const bearer = /^bearer +(\S+)$/i.exec(value)?.[1];
  if (bearer !== undefined) return bearer;
  if (name === 'authorization' || /\s/.test(value))
    throw invalidToken(`The ${name} header holds no bearer token. Send it as "Bearer TOKEN".`);
  return value;
}

/**
 * Is there one that has the looks of it, for who asks before it is verified? A cookie or parameter that was named for tokens holds
 * one, whatever it looks like.
 */
export function anyToken(head: RequestHead, places: TokenPlaces, looks: (token: string) => boolean): boolean {
  const { cookie, query } = places;
  if (cookie !== null && cookiesOf(head, cookie).length > 0) return true;
  if (query !== null && queryValues(head.query, query).length > 0) return true;
  try {
    const token = presentedToken(head, places);
    return token !== null && looks(token);
  } catch {
    // Two of them, or an empty one: wrong, and there.
    return places.headers.every((name) => !isOther(headerOf(head.headers, name)));
  }
}

/** A credential of another scheme, such as Basic. */
const isOther = (value: string | undefined): boolean => value !== undefined && !/^bearer( |$)/i.test(value);

/** For whoever asks for several kinds of credentials. */
export const placesOf = ({ headers, query }: TokenPlaces, forward: boolean): CredentialPlaces => ({
  challenge: 'Bearer realm="sluice"',
  headers: forward ? [] : headers,
  ...(query !== null && !forward ? { parameter: query } : {}),
});

/** It goes no further. */
export function consumeToken(exchange: Exchange, places: TokenPlaces): void {
  exchange.consumedHeaders.push(...places.headers);
  if (places.query !== null) exchange.consumedParameter = places.query;
  if (places.cookie !== null) withoutCookies(exchange, (name) => name === places.cookie);
}
