import { ProtocolError } from './protocol-error.ts';

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Field lines (RFC 9112 §5), each ended by CRLF, from `from` to the end of the text, as a flat list: names in lower case,
 * values without the white space around them. @throws ProtocolError for folded lines, bare CR or LF, NUL and bad names.
 */
export function parseFields(text: string, from: number): string[] {
  const fields: string[] = [];
  let at = from;
  while (at < text.length) {
    const end = text.indexOf('\r\n', at);
    const colon = text.indexOf(':', at);
    if (end < 0 || colon < 0 || colon > end) throw new ProtocolError('a header line without a colon');
    const name = text.slice(at, colon);
    if (!token.test(name)) throw new ProtocolError('a header name that is not a token');
    const value = trimmed(text, colon + 1, end);
    if (!fieldValue.test(value)) throw new ProtocolError('a control character in a header value');
    fields.push(name.toLowerCase(), value);
    at = end + 2;
  }
  return fields;
}

/** Not `trim()`: that takes U+00A0 too, which here is a byte of the value. */
function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

const isBlank = (code: number) => code === 0x20 || code === 0x09;
