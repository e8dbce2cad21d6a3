/**
 * Finding and changing top-level fields of a JSON document in its own bytes (RFC 8259). The document has already been
 * parsed as a whole, so it is known to be valid: these functions only find out where things stand.
 */
import { Fault } from './fault.ts';

export interface FieldSpan {
  readonly key: string;
  /** Of the key's opening quote. */
  readonly start: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

const quote = 0x22;
const backslash = 0x5c;

/** Up to so many characters of a literal are looked at one by one; what is longer is better searched. */
const shortLiteral = 32;

/** End of the string literal whose opening quote is at `start`: the index after its closing quote. */
export function endOfString(text: string, start: number): number {
  let at = start + 1;
  for (const near = Math.min(at + shortLiteral, text.length); at < near; at++) {
    const c = text.charCodeAt(at);
    if (c === quote) return at + 1;
    if (c === backslash) at++;
  }
  // The character before is no backslash that would hide a quote here.
  at--;
  for (;;) {
    at = text.indexOf('"', at + 1);
    if (at < 0) return text.length;
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === backslash) slashes++;
    if (slashes % 2 === 0) return at + 1;
  }
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length) {
    const c = text.charCodeAt(at);
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) break;
    at++;
  }
  return at;
}

function endOfValue(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === quote) return endOfString(text, start);
  if (first !== 0x7b && first !== 0x5b) {
    let at = start;
    while (at < text.length) {
      const c = text.charCodeAt(at);
      if (c === 0x2c || c === 0x7d || c === 0x5d || c <= 0x20) break;
      at++;
    }
    return at;
  }
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const c = text.charCodeAt(at);
    if (c === quote) {
      at = endOfString(text, at);
      continue;
    }
    if (c === 0x7b || c === 0x5b) depth++;
    else if ((c === 0x7d || c === 0x5d) && --depth === 0) return at + 1;
    at++;
  }
  return at;
}

/**
 * The fields of the top-level object. `text` is the document with one character for each byte (latin1), so that
 * positions are byte positions: bytes above 0x7f occur only inside strings, where they need no understanding.
 */
export function scanFields(text: string): FieldSpan[] {
  const fields: FieldSpan[] = [];
  let at = skipSpace(text, 0);
  if (text.charCodeAt(at) !== 0x7b) return fields;
  at = skipSpace(text, at + 1);
  while (at < text.length && text.charCodeAt(at) === quote) {
    const keyEnd = endOfString(text, at);
    const literal = text.slice(at + 1, keyEnd - 1);
    const valueStart = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const valueEnd = endOfValue(text, valueStart);
    const key = literal.includes('\\') ? (JSON.parse(`"${literal}"`) as string) : literal;
    fields.push({ key, start: at, valueStart, valueEnd });
    at = skipSpace(text, valueEnd);
    if (text.charCodeAt(at) !== 0x2c) break;
    at = skipSpace(text, at + 1);
  }
  return fields;
}

/** Where the items of a list stand that begins in the text at or after `from`; of the same kind of text. */
export function scanItems(text: string, from = 0): { readonly start: number; readonly end: number }[] {
  const items: { start: number; end: number }[] = [];
  let at = skipSpace(text, from);
  if (text.charCodeAt(at) !== 0x5b) return items;
  at = skipSpace(text, at + 1);
  while (at < text.length && text.charCodeAt(at) !== 0x5d) {
    const end = endOfValue(text, at);
    items.push({ start: at, end });
    at = skipSpace(text, end);
    if (text.charCodeAt(at) !== 0x2c) break;
    at = skipSpace(text, at + 1);
  }
  return items;
}

/**
 * Refuses a document that names one of the keys twice: parsers disagree about which one counts, so the gateway could
 * judge one value and the upstream act upon the other.
 * @throws Fault `request/duplicate-key`.
 */
export function refuseDuplicates(fields: readonly FieldSpan[], keys: readonly string[]): void {
  for (let i = 1; i < fields.length; i++) {
    const key = fields[i]!.key;
    if (!keys.includes(key)) continue;
    for (let j = 0; j < i; j++) {
      if (fields[j]!.key === key) {
        throw new Fault('request/duplicate-key', `The body names "${key}" twice. Send it once.`, {
          field: key,
        });
      }
    }
  }
}

/**
 * The document with some top-level fields set to a JSON text, or removed (null). What is not named keeps its bytes.
 * A field to set that is not there is added at the end. No key in `edits` may occur twice in `fields`.
 */
export function spliceFields(
  body: Buffer,
  fields: readonly FieldSpan[],
  edits: ReadonlyMap<string, string | null>,
): Buffer {
  const kept = fields.filter((field) => edits.get(field.key) !== null);
  const pieces: (Buffer | string)[] = [];
  const removes = kept.length !== fields.length;
  const missing: string[] = [];
  for (const [key, value] of edits) {
    if (value !== null && !fields.some((field) => field.key === key))
      missing.push(`${JSON.stringify(key)}:${value}`);
  }
  if (removes) {
    // Rebuilt field by field: commas belong to no field.
    const parts: (Buffer | string)[] = [];
    for (const field of kept) {
      parts.push(parts.length ? ',' : '{', body.subarray(field.start, field.valueStart));
      parts.push(edits.get(field.key) ?? body.subarray(field.valueStart, field.valueEnd));
    }
    if (parts.length === 0) parts.push('{');
    pieces.push(...parts);
    if (missing.length) pieces.push(kept.length ? ',' : '', missing.join(','));
    pieces.push('}');
    return joinPieces(pieces);
  }
  let copied = 0;
  for (const field of fields) {
    const value = edits.get(field.key);
    if (typeof value !== 'string') continue;
    pieces.push(body.subarray(copied, field.valueStart), value);
    copied = field.valueEnd;
  }
  if (missing.length) {
    const last = fields.at(-1);
    const end = last ? last.valueEnd : body.indexOf(0x7b) + 1;
    if (end > copied) pieces.push(body.subarray(copied, end));
    pieces.push(last ? ',' : '', missing.join(','));
    copied = end;
  }
  pieces.push(body.subarray(copied));
  return joinPieces(pieces);
}

function joinPieces(pieces: readonly (Buffer | string)[]): Buffer {
  let length = 0;
  for (const piece of pieces) length += typeof piece === 'string' ? Buffer.byteLength(piece) : piece.length;
  const joined = Buffer.allocUnsafe(length);
  let at = 0;
  for (const piece of pieces) {
    at += typeof piece === 'string' ? joined.write(piece, at) : piece.copy(joined, at);
  }
  return joined;
}
