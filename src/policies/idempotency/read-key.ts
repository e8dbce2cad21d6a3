import type { RequestHead } from '#core/head.ts';
import { Fault } from '#core/fault.ts';

export const keyHeader = 'idempotency-key';

/** A string of structured fields (RFC 8941 §3.3.3). */
const quoted = /^"((?:[ !#-[\]-~]|\\["\\])*)"$/;
const bare = /^[!#-~]+$/;
const longest = 255;

/**
 * The key of a request; null where it has none. The draft's form is a quoted string; the bare one that most clients send is the same
 * key.
 * @throws Fault `idempotency/key`.
 */
export function readKey({ headers }: RequestHead): string | null {
  let value: string | null = null;
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== keyHeader) continue;
    if (value !== null) throw unfit('came more than once');
    value = headers[i + 1]!.trim();
  }
  if (value === null) return null;
  const key = value.startsWith('"') ? quoted.exec(value)?.[1]?.replaceAll(/\\(.)/g, '$1') : value;
  if (key === undefined || (key === value && !bare.test(key)))
    throw unfit('is neither a quoted string nor visible characters of ASCII');
  if (key.length === 0 || key.length > longest) throw unfit(`has ${key.length} characters`);
  return key;
}

const unfit = (what: string): Fault =>
  new Fault(
    'idempotency/key',
    `The Idempotency-Key ${what}. Send one of 1 to ${longest} characters, such as a UUID.`,
    { field: keyHeader },
  );
