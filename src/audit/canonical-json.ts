/**
 * One text for one value: keys sorted, no white space (RFC 8785, for values that JSON can say: members that are undefined are
 * left out, a bigint is its decimal text).
 */
export function renderCanonical(value: unknown): string {
  if (typeof value === 'bigint') return `"${value}"`;
  if (Array.isArray(value)) return `[${value.map((item) => renderCanonical(item ?? null)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  let text = '';
  for (const key of Object.keys(value).sort()) {
    const member = (value as Readonly<Record<string, unknown>>)[key];
    if (member !== undefined)
      text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${renderCanonical(member)}`;
  }
  return `{${text}}`;
}
