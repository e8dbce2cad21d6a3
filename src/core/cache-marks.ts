/** What kept answers are purged by. Every one bears the marks of all that it can be purged as. */

/** So many beginnings of a path are marks; what lies deeper is purged by those. */
const mostPrefixes = 16;

export const everythingMark = 'everything';
export const tagMark = (tag: string): string => `tag ${tag}`;
export const uriMark = (uri: string): string => `uri ${uri}`;
export const pathMark = (path: string): string => `path ${path}`;
/** Of all paths that begin so; it ends with a slash. */
export const prefixMark = (prefix: string): string => `below ${prefix}`;

/** `/a/b/c` is purged as itself, and as all below `/`, `/a/` and `/a/b/`. */
export function pathMarks(path: string): string[] {
  const marks = [everythingMark, pathMark(path)];
  for (let end = path.indexOf('/'); end >= 0 && marks.length < mostPrefixes; end = path.indexOf('/', end + 1))
    marks.push(prefixMark(path.slice(0, end + 1)));
  return marks;
}

/** A path as somebody asks for it to be purged: `/a/*` is all below `/a/`. */
export const markOfPattern = (pattern: string): string =>
  pattern.endsWith('/*') ? prefixMark(pattern.slice(0, -1)) : pathMark(pattern);
