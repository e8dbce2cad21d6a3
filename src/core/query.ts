/** Queries as servers read them (WHATWG URL, application/x-www-form-urlencoded). */

/** Values of one parameter, in their order. */
export function queryValues(query: string, name: string): string[] {
  const values: string[] = [];
  if (query === '') return values;
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=');
    if (decodedParameter(equals < 0 ? pair : pair.slice(0, equals)) !== name || pair === '') continue;
    values.push(equals < 0 ? '' : decodedParameter(pair.slice(equals + 1)));
  }
  return values;
}

/** A name or value of a query, as servers read it. */
export function decodedParameter(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

/** The query without a parameter; empty when nothing is left. */
export const withoutParameter = (query: string, name: string): string =>
  query
    .split('&')
    .filter((pair) => decodedParameter(/^[^=]*/.exec(pair)![0]) !== name)
    .join('&');
