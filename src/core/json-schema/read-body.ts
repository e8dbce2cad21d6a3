import { endOfString } from '../json.ts';
import { parseJson } from '../parse-json.ts';

/** Why a text is not read, in words for whoever sent it; `duplicate` names the key. */
export type UnreadBody =
  { readonly kind: 'malformed'; readonly why: string } | { readonly kind: 'duplicate'; readonly key: string };

export type ReadBody = { readonly value: unknown } | UnreadBody;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * A JSON body, read only where every reader reads it alike: UTF-8 without errors, no key twice in one object, no number that is
 * none in a float, and no deeper than said.
 */
export function readBody(bytes: Uint8Array, maxDepth: number): ReadBody {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    return { kind: 'malformed', why: 'it is not UTF-8' };
  }
  const unread = scan(text, maxDepth);
  if (unread) return unread;
  try {
    return { value: parseJson(text) };
  } catch {
    // What the parser says quotes the text.
    return { kind: 'malformed', why: 'it is not JSON' };
  }
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;

/** Keys that came so far in an object, few of them as a list; null of an array. */
type Keys = { few: string[]; many: Set<string> | null } | null;
const few = 8;

/** Depth, keys and numbers, in one walk that does not mind what else is wrong: the parser does. */
function scan(text: string, maxDepth: number): UnreadBody | null {
  const open: Keys[] = [];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      const end = endOfString(text, at);
      const keys = open.at(-1);
      if (keys) {
        let next = end;
        while (isSpace(text.charCodeAt(next))) next++;
        if (text.charCodeAt(next) === 0x3a) {
          const key = keyOf(text.slice(at + 1, end - 1));
          if (!isNew(keys, key)) return { kind: 'duplicate', key: key.slice(0, 64) };
        }
      }
      at = end - 1;
    } else if (code === 0x7b || code === 0x5b) {
      if (open.length >= maxDepth)
        return { kind: 'malformed', why: `it is nested deeper than ${maxDepth} levels` };
      open.push(code === 0x7b ? { few: [], many: null } : null);
    } else if (code === 0x7d || code === 0x5d) open.pop();
    else if ((code === 0x65 || code === 0x45) && isInfinite(text, at))
      return { kind: 'malformed', why: 'it holds a number that is too large' };
  }
  return null;
}

function keyOf(literal: string): string {
  if (!literal.includes('\\')) return literal;
  try {
    return JSON.parse(`"${literal}"`) as string;
  } catch {
    return literal;
  }
}

function isNew(keys: NonNullable<Keys>, key: string): boolean {
  if (keys.many) return keys.many.size !== keys.many.add(key).size;
  if (keys.few.includes(key)) return false;
  keys.few.push(key);
  if (keys.few.length > few) keys.many = new Set(keys.few);
  return true;
}

/** The exponent of a number is at `at`: is the number none that a float can be? */
function isInfinite(text: string, at: number): boolean {
  let begin = at;
  while (begin > 0 && /[\d.-]/.test(text[begin - 1]!)) begin--;
  const written = /^-?[\d.]+e[+-]?\d+/i.exec(text.slice(begin, at + 24));
  return written !== null && !Number.isFinite(Number(written[0]));
}
