import { parseTemplate, pathParameters } from './path-template.ts';
import type { RequestHead } from './head.ts';
import type { RouteMatch } from './snapshot.ts';

/**
 * Texts that take pieces of a request's path: `{name}` a parameter of the route's path, `{**}` what stands below it,
 * `{request.path}` and `{request.host}`. Values come as they stand in the canonical path, with their escapes, and are
 * escaped further where the place needs it: a line break or a delimiter never gets through.
 */
const placeholder = /\{(\*\*|request\.(?:path|host)|[A-Za-z_][A-Za-z0-9_]*)\}/g;

/** Names in a template, in their order. */
export const placeholdersOf = (template: string): string[] =>
  Array.from(template.matchAll(placeholder), ([, name]) => name!);

export type Captured = ReadonlyMap<string, string>;

/** What a request gives to the templates of the route that it matched. */
export function capturedBy({ path }: RouteMatch, head: RequestHead): Captured {
  const captured = new Map(typeof path === 'string' ? pathParameters(path, head.path) : null);
  captured.set('request.path', head.path).set('request.host', head.host);
  if (typeof path === 'string' && path.endsWith('/**'))
    captured.set('**', restOf(head.path, parseTemplate(path).segments.length));
  return captured;
}

function restOf(path: string, segments: number): string {
  let at = 0;
  for (let i = 0; i < segments && at >= 0; i++) at = path.indexOf('/', at + 1);
  return at < 0 ? '' : path.slice(at + 1);
}

/** Names that nothing was captured for stay as they are written. */
export const renderTemplate = (
  template: string,
  captured: Captured,
  escape: (value: string) => string,
): string =>
  template.replace(placeholder, (written, name: string) => {
    const value = captured.get(name);
    return value === undefined ? written : escape(value);
  });

const escaped = (character: string): string =>
  `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;

/** For paths: what RFC 3986 §3.3 does not allow there is escaped. */
export const inPath = (value: string): string =>
  value.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@%/]/g, (character) => escaped(character));
/** For queries, header fields and bodies of any type: all but letters, digits, `-._~/` and escapes is escaped. */
export const anywhere = (value: string): string =>
  value.replace(/[^A-Za-z0-9\-._~%/]/g, (character) => escaped(character));
/** A client's query, where another reader may be less strict. */
export const inQuery = (query: string): string =>
  query.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@%/?]/g, (character) => escaped(character));
