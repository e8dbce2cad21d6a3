import type { HeaderList } from '../head.ts';

/** The names in a header of comma-separated entries, without their parameters, in lower case. */
export function namesIn(value: string | undefined): string[] {
  if (value === undefined) return [];
  return value
    .split(',')
    .map((entry) => entry.split(';', 1)[0]!.trim().toLowerCase())
    .filter((name) => name !== '');
}

/** The extension whose frames can be followed without being understood (RFC 7692). */
export const deflateExtension = 'permessage-deflate';

/** Of a client's offer, what is passed on: a frame of any other extension could not be told from a broken one. */
export function offeredExtensions(value: string): string {
  return value
    .split(',')
    .filter((entry) => entry.split(';', 1)[0]!.trim().toLowerCase() === deflateExtension)
    .map((entry) => entry.trim())
    .join(', ');
}

/** 16 bytes in base64 (RFC 6455 §4.1). */
export const isKey = (value: string): boolean => /^[A-Za-z0-9+/]{21}[AQgw]==$/.test(value);

/** `https://app.example.com`, or with `*.` before the host for any name below it. */
export function isOriginAllowed(origin: string, allowed: readonly string[]): boolean {
  const asked = origin.toLowerCase();
  return allowed.some((one) => {
    const pattern = one.toLowerCase();
    if (pattern === '*' || pattern === asked) return true;
    const at = pattern.indexOf('://*.');
    if (at < 0) return false;
    const scheme = pattern.slice(0, at + 3);
    const end = pattern.slice(at + 4);
    const label = asked.slice(scheme.length, -end.length);
    return asked.startsWith(scheme) && asked.endsWith(end) && /^[a-z0-9.-]+$/.test(label);
  });
}

/**
 * The key that a subprotocol carries, or null: browsers can set no headers on a WebSocket, so that some clients offer a
 * protocol such as `insecure-api-key.KEY`.
 */
export const keyInProtocol = (protocol: string): string | null =>
  /^(?:[a-z0-9-]+-)?api-key\.(.+)$/.exec(protocol)?.[1] ?? null;

/** Entries of all headers of a name that hold lists. Unlike `namesIn`, as they came. */
export function entriesOf(headers: HeaderList, name: string): string[] {
  const entries: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === name) entries.push(...headers[i + 1]!.split(',').map((entry) => entry.trim()));
  }
  return entries.filter((entry) => entry !== '');
}
