import { hash, timingSafeEqual } from 'node:crypto';
import type { Policy, PolicyKind } from '#core/contracts/policy.ts';
import { cookieValues } from '#core/cookie.ts';
import { Fault } from '#core/fault.ts';
import { headerOf, valuesOf, type RequestHead } from '#core/head.ts';
import type { CsrfSettings } from './schema.ts';

/**
 * Cross-site request forgery: a browser sends its cookies with what other sites' pages ask for, too. Browsers say whose page it
 * is (https://www.w3.org/TR/fetch-metadata/, RFC 6454), and pages cannot change that.
 */
export const csrf: PolicyKind<CsrfSettings> = {
  name: 'csrf',
  create: (settings) => createCsrf(settings),
};

function createCsrf({ origins = [], cookies, methods, token }: CsrfSettings): Policy {
  const safe = new Set(methods ?? ['GET', 'HEAD', 'OPTIONS']);
  const trusted = new Set(origins.map((origin) => origin.toLowerCase()));
  const concerns = (head: RequestHead): boolean => {
    // A WebSocket's handshake is a GET, and what follows it may be anything.
    if (safe.has(head.method) && head.upgrade === null) return false;
    const sent = valuesOf(head.headers, 'cookie');
    if (!cookies) return sent.length > 0;
    return cookies.some((name) => sent.some((header) => cookieValues(header, name).length > 0));
  };
  return {
    name: 'csrf',
    summary: `calls with ${cookies?.join(' or ') ?? 'cookies'} come from pages of ${['the same origin', ...trusted].join(', ')}${token ? ` and have the ${token.cookie} cookie's value in ${token.header}` : ''}`,
    onHead({ head }) {
      if (!concerns(head)) return;
      if (!isOwnPage(head, trusted))
        throw new Fault(
          'request/forged',
          'The call comes with cookies, and not from a page that may make it. Allow its origin, if it is yours.',
          { field: 'origin' },
        );
      if (token && !isDoubled(head, { ...token, header: token.header.toLowerCase() }))
        throw new Fault(
          'request/forged',
          `The call lacks the value of the cookie "${token.cookie}" in the header "${token.header}".`,
          { field: token.header },
        );
    },
  };
}

/** What says nothing of where it comes from is not let in: every browser in use says one of these. */
function isOwnPage(head: RequestHead, trusted: ReadonlySet<string>): boolean {
  const origin = headerOf(head.headers, 'origin') ?? originOf(headerOf(head.headers, 'referer'));
  if (origin !== undefined && trusted.has(origin.toLowerCase())) return true;
  const site = headerOf(head.headers, 'sec-fetch-site');
  // "none": the visitor's own doing, such as the address bar.
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  return origin !== undefined && isSameOrigin(origin, head);
}

/** In front of a proxy that ends TLS the page's scheme may have been https; never is it a lesser one than the call's. */
function isSameOrigin(origin: string, { authority, scheme }: RequestHead): boolean {
  if (!URL.canParse(origin) || (scheme === 'https' && !origin.startsWith('https:'))) return false;
  return new URL(origin).host === withoutUsualPort(authority.toLowerCase(), origin);
}

const withoutUsualPort = (authority: string, origin: string): string =>
  authority.replace(origin.startsWith('https:') ? /:443$/ : /:80$/, '');

const originOf = (url: string | undefined): string | undefined =>
  url !== undefined && URL.canParse(url) ? new URL(url).origin : undefined;

function isDoubled(
  { headers }: RequestHead,
  { cookie, header }: { cookie: string; header: string },
): boolean {
  const values = valuesOf(headers, 'cookie').flatMap((line) => cookieValues(line, cookie));
  const sent = headerOf(headers, header);
  // Two of a name: a neighbour's domain may have set one of them.
  if (values.length !== 1 || values[0] === '' || sent === undefined) return false;
  return timingSafeEqual(hash('sha256', values[0]!, 'buffer'), hash('sha256', sent, 'buffer'));
}
