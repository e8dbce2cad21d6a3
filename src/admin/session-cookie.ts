import { hash } from 'node:crypto';

/** What a browser's script must say besides, whose cookie is sent by whatever site asks it to. */
export const csrfHeader = 'x-sluice-csrf';

/** Told to whoever may read answers, which other sites may not; of no use without the cookie. */
export const csrfTokenOf = (secret: string): string => hash('sha256', `csrf ${secret}`, 'base64url');

const names = { plain: 'sluice-session', secure: '__Host-sluice-session' } as const;

export const sessionCookieName = names.plain;

/** The secret of the session; null: there is none. */
export function sessionOf(cookies: string | undefined): string | null {
  return cookieOf(cookies, names.secure) ?? cookieOf(cookies, names.plain);
}

/** Null where there is none, or several: which of them is meant nobody could tell. */
export function cookieOf(cookies: string | undefined, name: string): string | null {
  const found = (cookies ?? '').split(';').flatMap((pair) => {
    const at = pair.indexOf('=');
    return pair.slice(0, at).trim() === name ? [pair.slice(at + 1).trim()] : [];
  });
  return found.length === 1 && found[0] !== '' ? found[0]! : null;
}

/** For a browser to send back to this host only. Lax, so that it comes along when a page of the provider leads back. */
export function sessionCookie(
  secret: string,
  { isSecure, maxAgeS }: { readonly isSecure: boolean; readonly maxAgeS: number },
): string {
  const name = isSecure ? names.secure : names.plain;
  return `${name}=${secret}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${maxAgeS}${isSecure ? '; Secure' : ''}`;
}

/** Takes the cookie away, whichever it was. */
export const endedCookies: readonly string[] = [
  `${names.plain}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0`,
  `${names.secure}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure`,
];
