import { createHash } from 'node:crypto';

const mostCharacters = 64;
const separator = '__';
const hashCharacters = 8;

/**
 * A name among several servers': the server's, and its own. Clients of models take 64 characters of letters, digits, `_` and `-`; what
 * is longer, or has others, is shortened and ends in a hash. It depends on nothing else, so it stays when servers come and go.
 */
export function exposedName(server: string, name: string): string {
  const full = `${server}${separator}${name}`;
  if (full.length <= mostCharacters && /^[A-Za-z0-9_-]+$/.test(full)) return full;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, hashCharacters);
  const plain = full.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, mostCharacters - hashCharacters - 1);
  return `${plain}_${hash}`;
}

/** May a name be one that was shortened? Then its server's list says what it stands for. */
export const maybeShortened = (rest: string): boolean => /_[0-9a-f]{8}$/.test(rest);

/** The server that an exposed name names, and what follows: the name itself, unless that was shortened. Server names have no `_`. */
export function splitName(exposed: string): { readonly server: string; readonly rest: string } | null {
  const at = exposed.indexOf(separator);
  return at < 1 ? null : { server: exposed.slice(0, at), rest: exposed.slice(at + separator.length) };
}

/** A URI of one of several servers: its scheme names the server (RFC 3986 §3.1). */
export const exposedUri = (server: string, uri: string): string => `${server}+${uri}`;

export function splitUri(exposed: string): { readonly server: string; readonly rest: string } | null {
  const match = /^([a-z][a-z0-9-]*)\+(.+)$/s.exec(exposed);
  return match && { server: match[1]!, rest: match[2]! };
}
