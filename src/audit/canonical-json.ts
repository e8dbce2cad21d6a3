/**
 * One text for one value: keys sorted, no white space (RFC 8785, for values that JSON can say: members that are undefined are
 * left out, a bigint is its decimal text).
 */
export function renderCanonical(value: unknown): string {
  if (typeof value === 'bigint') return `"${value}"`;
  if (Array.isArray(value)) return `[${value.map((item) => renderCanonical(item ?? null)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${renderCanonical(member)}`);
  return `{${members.join(',')}}`;
}
