import { valuesOf, type HeaderList } from '#core/head.ts';

/** Directives by name in lower case: an argument without its quotes, or true where there is none. Of several the first one counts. */
export type Directives = ReadonlyMap<string, string | true>;

/** More seconds than this are as many as this (RFC 9111 §1.2.2). */
const mostSeconds = 2_147_483_648;

const directive =
  /[ \t,]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*)))?[ \t]*(?=,|$)/y;

/**
 * Cache-Control as it is written (RFC 9111 §5.2). What cannot be read ends the list as if it said no-store: half of an instruction is
 * none that could be followed.
 */
export function parseCacheControl(lines: readonly string[]): Directives {
  const found = new Map<string, string | true>();
  const text = lines.join(',');
  directive.lastIndex = 0;
  while (directive.lastIndex < text.length) {
    const from = directive.lastIndex;
    if (/^[ \t,]*$/.test(text.slice(from))) break;
    const match = directive.exec(text);
    if (!match) {
      found.set('no-store', true);
      break;
    }
    const [, name, quoted, token] = match;
    const key = name!.toLowerCase();
    if (!found.has(key)) found.set(key, quoted?.replace(/\\(.)/g, '$1') ?? token ?? true);
  }
  return found;
}

const member =
  /^([a-z*][a-z0-9_\-.*]*)(?:=(?:(\?[01])|(-?\d{1,15})|"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"|([A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*)))?(?:;[ ]*[a-z*][a-z0-9_\-.*]*(?:=[^;,"]*)?)*$/;

/** A targeted field, which is a dictionary of structured fields (RFC 9213 §2.1); null: it is none, and to be ignored. */
export function parseTargeted(lines: readonly string[]): Directives | null {
  const found = new Map<string, string | true>();
  for (const part of splitMembers(lines.join(','))) {
    const match = member.exec(part);
    if (!match) return null;
    const [, name, flag, whole, text, token] = match;
    if (flag === '?0') found.delete(name!);
    else found.set(name!, whole ?? text?.replace(/\\(.)/g, '$1') ?? token ?? true);
  }
  return found.size > 0 ? found : null;
}

const splitMembers = (text: string): string[] =>
  (text.match(/(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g) ?? [])
    .map((part) => part.trim())
    .filter((part) => part !== '');

/** Null: it is not there. NaN: it is no number of seconds, so that nothing is fresh by it (§4.2.1). */
export function secondsOf(directives: Directives, name: string): number | null {
  const value = directives.get(name);
  if (value === undefined) return null;
  if (value === true || !/^\d+$/.test(value)) return Number.NaN;
  return Math.min(Number(value), mostSeconds);
}

/** Names of fields that a directive is about, in lower case; null: it is not there, or is about all of the answer. */
export function fieldsOf(directives: Directives, name: string): string[] | null {
  const value = directives.get(name);
  if (value === undefined || value === true) return null;
  const names = value
    .toLowerCase()
    .split(',')
    .map((field) => field.trim());
  return names.filter((field) => field !== '');
}

/** What holds for this cache: a targeted field that is valid, in place of Cache-Control and Expires. */
export interface Instructions {
  readonly directives: Directives;
  readonly isTargeted: boolean;
}

export function instructionsOf(headers: HeaderList, targets: readonly string[]): Instructions {
  for (const name of targets) {
    const lines = valuesOf(headers, name);
    const directives = lines.length > 0 ? parseTargeted(lines) : null;
    if (directives) return { directives, isTargeted: true };
  }
  return { directives: parseCacheControl(valuesOf(headers, 'cache-control')), isTargeted: false };
}
