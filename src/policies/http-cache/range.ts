/** First and last byte, from 0. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

const form = /^bytes=(\d{0,15})-(\d{0,15})$/;

/**
 * The one range that a request asks of so many bytes (RFC 9110 §14.1.2). Null: all is to be given, because the field is none, of another
 * unit, or asks for several. `none`: there is nothing in that range.
 */
export function rangeOf(field: string | undefined, bytes: number): Range | 'none' | null {
  const match = field === undefined ? null : form.exec(field.trim());
  if (!match) return null;
  const [, from, to] = match as unknown as [string, string, string];
  if (from === '' && to === '') return null;
  if (from === '') {
    const length = Math.min(Number(to), bytes);
    return length === 0 ? 'none' : { first: bytes - length, last: bytes - 1 };
  }
  const first = Number(from);
  if (to !== '' && Number(to) < first) return null;
  if (first >= bytes) return 'none';
  return { first, last: to === '' ? bytes - 1 : Math.min(Number(to), bytes - 1) };
}
