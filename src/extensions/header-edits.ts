import { untouchableHeaders, type HeaderEdit } from '#core/header-edits.ts';
import type { HeaderEdits } from './policy-definition.ts';

const token = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
const text = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Collects edits; `mayEdit` throws where there are to be none. */
export function editsInto(edits: HeaderEdit[], mayEdit: () => void): HeaderEdits {
  const edit = (name: string, value: string | null, add: boolean) => {
    mayEdit();
    edits.push({ name: headerName(name), value: value === null ? null : headerValue(name, value), add });
  };
  return Object.freeze({
    set: (name: string, value: string) => edit(name, value, false),
    add: (name: string, value: string) => edit(name, value, true),
    remove: (name: string) => edit(name, null, false),
  });
}

/** Names and values alternating, as answers have them. @throws TypeError */
export function headerList(headers: Readonly<Record<string, string>>): string[] {
  return Object.entries(headers).flatMap(([name, value]) => [headerName(name), headerValue(name, value)]);
}

function headerName(name: string): string {
  if (typeof name !== 'string' || !token.test(name))
    throw new TypeError(`${JSON.stringify(name)} is no name of a header`);
  const lower = name.toLowerCase();
  if (untouchableHeaders.has(lower))
    throw new TypeError(`the header "${lower}" belongs to the connection and cannot be changed`);
  return lower;
}

function headerValue(name: string, value: string): string {
  if (typeof value === 'string' && text.test(value)) return value;
  throw new TypeError(`the header "${name}" cannot have that value: a line of Latin letters was expected`);
}
