/**
 * Paths of routes: `/a/b` is one path, `{name}` in place of a segment any one segment that is not empty, and `/**` at the
 * end everything below (and the path before it). They are held against canonical paths, segment by segment.
 */

const parameter = /^\{([A-Za-z_][A-Za-z0-9_]*)\}$/;

export interface PathTemplate {
  /** A literal segment, or null for a parameter. `/` is one empty segment. */
  readonly segments: readonly (string | null)[];
  /** Does it take everything below as well? */
  readonly below: boolean;
}

export function parseTemplate(path: string): PathTemplate {
  const below = path.endsWith('/**');
  const base = below ? path.slice(0, -3) : path;
  if (base === '') return { segments: [], below };
  const segments = base
    .slice(1)
    .split('/')
    .map((segment) => (parameter.test(segment) ? null : segment));
  return { segments, below };
}

/** Names of the parameters, in their order. */
export const parameterNames = (path: string): string[] =>
  path.split('/').flatMap((segment) => parameter.exec(segment)?.[1] ?? []);

/** `/a/b` matches itself; `/a/**` matches `/a` and everything below it; `{name}` one segment. */
export function matchesTemplate(template: string, path: string): boolean {
  if (template.includes('{')) return pathParameters(template, path) !== null;
  if (!template.endsWith('/**')) return template === path;
  const base = template.length - 3;
  if (!path.startsWith(template.slice(0, base))) return false;
  return path.length === base || path.charCodeAt(base) === 0x2f;
}

/**
 * What the parameters of a template stand for in a path, as they stand there (with their escapes); null when it does not
 * match.
 */
export function pathParameters(template: string, path: string): ReadonlyMap<string, string> | null {
  const { segments, below } = parseTemplate(template);
  const parts = path.slice(1).split('/');
  if (below ? parts.length < segments.length : parts.length !== segments.length) return null;
  const names = parameterNames(template);
  const found = new Map<string, string>();
  for (const [i, segment] of segments.entries()) {
    const part = parts[i]!;
    if (segment === null) {
      if (part === '') return null;
      found.set(names[found.size]!, part);
    } else if (segment !== part) return null;
  }
  return found;
}

/** The segments with which every path begins that has this text at its beginning: those that are whole. */
export function wholeSegments(prefix: string): string[] {
  return prefix.startsWith('/') ? prefix.slice(1).split('/').slice(0, -1) : [];
}
