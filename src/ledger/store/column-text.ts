const mostBytes = 200;

/** As any database takes it: no half of a character, and no NUL, which PostgreSQL has no room for. */
export const cleanText = (text: string): string => text.toWellFormed().replaceAll('\0', '\ufffd');

/**
 * A name as the columns of the books hold it: callers can invent some (a model that does not exist), and an index takes none
 * of any length. The body has it as it was.
 */
export function columnText(name: string): string {
  // Most names are short and plain.
  if (name.length * 3 <= mostBytes && !/[\0\ud800-\udfff]/.test(name)) return name;
  const clean = cleanText(name);
  const bytes = Buffer.from(clean);
  if (bytes.length <= mostBytes) return clean;
  let end = mostBytes;
  while ((bytes[end]! & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}
