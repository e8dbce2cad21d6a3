/** One segment of a path template of OpenAPI: `pets`, `{id}`, `{id}.json`. */
export interface Segment {
  /** Texts around the parameters: one more than there are names. */
  readonly texts: readonly string[];
  readonly names: readonly string[];
}

/** The segments of a template that begins with `/`. */
export function parseSegments(template: string): Segment[] {
  return template
    .slice(1)
    .split('/')
    .map((segment) => {
      const texts: string[] = [];
      const names: string[] = [];
      let end = 0;
      for (const match of segment.matchAll(/\{([^{}]*)\}/g)) {
        texts.push(decodedSegment(segment.slice(end, match.index)));
        names.push(match[1]!);
        end = match.index + match[0].length;
      }
      texts.push(decodedSegment(segment.slice(end)));
      return { texts, names };
    });
}

/** As it stands between slashes, without its escapes. */
export function decodedSegment(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/**
 * What the parameters of a segment stand for in one of a path, as written there; null when it does not match. Each of them is as
 * short as it can be, and not empty.
 */
export function matchSegment({ texts }: Segment, segment: string): string[] | null {
  const first = texts[0]!;
  const last = texts.at(-1)!;
  if (texts.length === 1) return decodedSegment(segment) === first ? [] : null;
  if (!segment.startsWith(first) || !segment.endsWith(last)) return null;
  const values: string[] = [];
  let at = first.length;
  const end = segment.length - last.length;
  for (const text of texts.slice(1, -1)) {
    const found = text === '' ? at + 1 : segment.indexOf(text, at + 1);
    if (found < 0 || found + text.length > end) return null;
    values.push(segment.slice(at, found));
    at = found + text.length;
  }
  if (at >= end) return null;
  values.push(segment.slice(at, end));
  return values;
}
