/** Media types of bodies, as a description names them: `application/json`, `text/*`, and ranges of all. */

/** Without parameters, in lower case; empty where there is none. */
export const essenceOf = (contentType: string | undefined): string =>
  (contentType ?? '').split(';')[0]!.trim().toLowerCase();

export const isJsonType = (essence: string): boolean => /^[^/]+\/(?:[^/]+\+)?json$/.test(essence);

/** The most exact of the described ranges that takes a type; undefined: none does. */
export function rangeFor<T>(ranges: ReadonlyMap<string, T>, essence: string): T | undefined {
  return ranges.get(essence) ?? ranges.get(`${essence.split('/')[0]}/*`) ?? ranges.get('*/*');
}
